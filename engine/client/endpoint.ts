/** How an engine's place is named: `unix://PATH`, `ssh://[USER@]HOST[:PORT][/PATH]`. */
import { MockerError } from "../protocol/index.ts";

export interface SshEndpoint {
  readonly kind: "ssh";
  /** As it was given. */
  readonly url: string;
  readonly host: string;
  readonly user?: string;
  readonly port?: string;
  /** Of the engine's socket there; absent: that user's own engine. */
  readonly path?: string;
}

export type Endpoint =
  /** This user's own engine, which is started if need be. */
  | { readonly kind: "own" }
  /** The socket of another one of this user's engines, which runs. */
  | { readonly kind: "unix"; readonly url: string; readonly path: string }
  | SshEndpoint;

/** @throws MockerError INVALID_ARGUMENT, for ssh in Docker's words */
export function parseEndpoint(url: string): Endpoint {
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(url) ?? [];
  if (scheme === "unix") {
    if (!rest.startsWith("/"))
      throw invalid(url, "the path of a socket is absolute: unix:///PATH/engine.sock");
    return { kind: "unix", url, path: rest };
  }
  if (scheme === "ssh") return parseSsh(url);
  throw new MockerError(
    "FEATURE_UNAVAILABLE",
    `--host is not supported: ${url} is neither unix://PATH nor ssh://[USER@]HOST`,
    { hint: "An engine listens on a socket of its user's alone. For another machine's: -H ssh://USER@HOST" },
  );
}

function parseSsh(url: string): SshEndpoint {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw invalid(url, "no host specified");
  }
  const { hostname, username, password, port, pathname, search, hash } = parsed;
  if (hostname === "") throw invalid(url, "no host specified");
  if (password !== "") throw invalid(url, "plain-text password is not supported");
  if (search !== "") throw invalid(url, `extra query after the host: "${search.slice(1)}"`);
  if (hash !== "") throw invalid(url, `extra fragment after the host: "${hash.slice(1)}"`);
  const path = decodeURIComponent(pathname);
  return {
    kind: "ssh",
    url,
    host: decodeURIComponent(hostname.replace(/^\[(.*)\]$/, "$1")),
    ...(username === "" ? {} : { user: decodeURIComponent(username) }),
    ...(port === "" ? {} : { port }),
    ...(path === "" || path === "/" ? {} : { path }),
  };
}

function invalid(url: string, why: string): MockerError {
  const kind = url.startsWith("ssh:") ? "ssh host connection" : "host";
  return new MockerError("INVALID_ARGUMENT", `${kind} ${url} is not valid: ${why}`);
}
