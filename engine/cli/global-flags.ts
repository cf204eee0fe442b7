/** The flags before the verb: Docker's. */
import { resolve } from "node:path";
import { CommandFailure } from "./command.ts";
import { booleanFlag, type FlagValues, refusedFlag, stringFlag, textListFlag } from "./flags.ts";

const logLevels = ["debug", "info", "warn", "error", "fatal"] as const;

/** Those of logrus, by which Docker reads the flag. */
export function isLogLevel(text: string): boolean {
  return ["trace", "warning", "panic", ...logLevels].includes(text.toLowerCase());
}

const local = "an engine is reached by a socket that its user alone can open, and from other machines by ssh";
const remote = "Name the machine: mocker -H ssh://[USER@]HOST …";

export const globalFlags = {
  config: stringFlag(undefined, "Location of client config files"),
  context: stringFlag(
    "c",
    'Name of the context to use (overrides MOCKER_HOST and what "mocker context use" has set)',
  ),
  debug: booleanFlag("D", "Enable debug mode: show the causes of errors, and flags without effect"),
  host: textListFlag("H", "Daemon socket to connect to: unix://PATH, ssh://[USER@]HOST"),
  "log-level": stringFlag(
    "l",
    `Set the logging level (${logLevels.map((level) => `"${level}"`).join(", ")})`,
    "info",
  ),
  tls: refusedFlag(booleanFlag(undefined, "Use TLS; implied by --tlsverify"), local, remote),
  tlscacert: refusedFlag(stringFlag(undefined, "Trust certs signed only by this CA"), local, remote),
  tlscert: refusedFlag(stringFlag(undefined, "Path to TLS certificate file"), local, remote),
  tlskey: refusedFlag(stringFlag(undefined, "Path to TLS key file"), local, remote),
  tlsverify: refusedFlag(booleanFlag(undefined, "Use TLS and verify the remote"), local, remote),
  version: booleanFlag("v", "Print version information and quit"),
} as const;

/**
 * The variables that flags before the verb stand for, which count more than those of the environment.
 * @throws CommandFailure in Docker's words for flags that contradict each other
 */
export function globalVariables(
  { config, context, host }: Pick<FlagValues<typeof globalFlags>, "config" | "context" | "host">,
  cwd: string,
): Record<string, string | undefined> {
  if (context && host.length > 0)
    throw new CommandFailure("conflicting options: cannot specify both --host and --context");
  const [url, second] = host;
  if (second !== undefined) throw new CommandFailure("Specify only one -H");
  return {
    ...(config ? { DOCKER_CONFIG: config, MOCKER_CONFIG: resolve(cwd, config) } : {}),
    ...(context ? { MOCKER_CONTEXT: context, MOCKER_HOST: undefined } : {}),
    ...(url ? { MOCKER_HOST: url } : {}),
  };
}
