/** The flags before the verb: Docker's. */
import { booleanFlag, refusedFlag, stringFlag, textListFlag, valueFlag } from "./flags.ts";

const logLevels = ["debug", "info", "warn", "error", "fatal"] as const;

/** Those of logrus, by which Docker reads the flag. */
export function isLogLevel(text: string): boolean {
  return ["trace", "warning", "panic", ...logLevels].includes(text.toLowerCase());
}

const local = "the engine is this user's own, and reached by a socket that nobody else can open";
const remote = "For another machine's engine run mocker there: ssh HOST mocker …";

export const globalFlags = {
  config: stringFlag(undefined, "Location of client config files"),
  context: refusedFlag(
    // The one that there is.
    valueFlag("c", "string", "Name of the context to use", (text) => (text === "default" ? "" : text)),
    local,
    remote,
  ),
  debug: booleanFlag("D", "Enable debug mode: show the causes of errors, and flags without effect"),
  host: refusedFlag(textListFlag("H", "Daemon socket to connect to"), local, remote),
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
