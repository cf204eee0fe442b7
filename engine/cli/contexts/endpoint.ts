/** Which engine a command line means. */
import { type Endpoint, parseEndpoint } from "../../client/endpoint.ts";
import { socketPath } from "../../common/paths.ts";
import { MockerError } from "../../protocol/index.ts";
import { ContextStore, defaultContext } from "./context-store.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The name of the context, by Docker's precedence of $MOCKER_HOST, $MOCKER_CONTEXT and what `context use` has
 * chosen; the flags `--host` and `--context` are these variables. Throws MockerError.
 */
export function contextName(env: Environment): string {
  if (env.MOCKER_HOST) return defaultContext;
  return env.MOCKER_CONTEXT || new ContextStore(env).current;
}

/** Throws MockerError. */
export function endpointOf(env: Environment): Endpoint {
  const name = contextName(env);
  const host = name === defaultContext ? env.MOCKER_HOST : new ContextStore(env).get(name).host;
  if (!host) return { kind: "own" };
  const endpoint = parseEndpoint(host);
  return endpoint.kind === "unix" && endpoint.path === socketPath(env) ? { kind: "own" } : endpoint;
}

/** The host's name of an engine that does not see this machine's files; undefined for one that does. */
export function remoteHost(env: Environment): string | undefined {
  const endpoint = endpointOf(env);
  return endpoint.kind === "ssh" ? endpoint.host : undefined;
}

/**
 * @param what the engine would need of this machine: `oci:DIR names files of this machine`
 * @throws MockerError where the engine is another machine's
 */
export function refuseRemote(env: Environment, what: string, hint: string): void {
  const host = remoteHost(env);
  if (host === undefined) return;
  throw new MockerError("FEATURE_UNAVAILABLE", `${what}, and the engine is that of ${host}`, { hint });
}
