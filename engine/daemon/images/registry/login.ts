import { MockerError } from "../../../protocol/errors.ts";
import type { RegistryLoginParams, RegistryLoginResult } from "../../../protocol/registry.ts";
import { authorize, parseChallenges } from "./auth.ts";
import { type Credential, eraseCredential, findCredential, keyOf, storeCredential } from "./docker-config.ts";
import { discard } from "./http.ts";
import type { RegistryOptions } from "./registry.ts";
import { unreachable } from "./registry-errors.ts";
import { RegistrySession } from "./registry-session.ts";
import { isInsecure, isLoopback, readSettings } from "./registry-settings.ts";

/**
 * The registry that a user means with `mocker login SERVER`: a host, perhaps with scheme and path; "" for
 * Docker Hub.
 */
export function loginDomain(server: string): string {
  const host = server
    .trim()
    .replace(/^https?:\/\//, "")
    .replace(/\/.*$/, "");
  if (host === "" || /^(docker\.io|index\.docker\.io|registry-1\.docker\.io)$/.test(host)) return "docker.io";
  if (!/^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:[0-9]+)?$/i.test(host))
    throw new MockerError("INVALID_ARGUMENT", `invalid registry "${server}"`, {
      hint: "Name a registry by its host, for example: mocker login registry.example.com:5000",
    });
  return host;
}

function environmentOf(dockerConfig: string | undefined): NodeJS.ProcessEnv {
  return dockerConfig === undefined ? process.env : { ...process.env, DOCKER_CONFIG: dockerConfig };
}

/**
 * Checks a name and a password with their registry, then keeps them. @throws UNAUTHORIZED, in Docker's words
 */
export async function login(
  params: RegistryLoginParams,
  options: RegistryOptions,
  signal: AbortSignal,
): Promise<RegistryLoginResult> {
  const domain = loginDomain(params.server);
  const environment = environmentOf(params.dockerConfig);
  const { username, password } = params;
  let credential: Credential | undefined;
  if (password === undefined) credential = await findCredential(domain, environment);
  else credential = { kind: "basic", username, password };
  if (credential === undefined)
    throw new MockerError("UNAUTHORIZED", `no credentials are kept for ${keyOf(domain)}`);
  const refreshToken = await checkCredential(domain, credential, options, signal);
  let storedIn: string | undefined;
  if (refreshToken !== undefined)
    storedIn = await storeCredential(
      domain,
      { kind: "identity", username, token: refreshToken },
      environment,
    );
  else if (credential.kind === "basic" && password !== undefined)
    storedIn = await storeCredential(domain, credential, environment);
  return storedIn === undefined ? {} : { storedIn };
}

/**
 * Only checks credentials with their registry. `token`: what the registry gave for them, to be kept instead
 * of the password. @throws UNAUTHORIZED, in Docker's words
 */
export async function checkLogin(
  server: string,
  credential: Credential,
  options: RegistryOptions,
  signal: AbortSignal,
): Promise<{ token?: string }> {
  const token = await checkCredential(loginDomain(server), credential, options, signal);
  return token === undefined ? {} : { token };
}

/** The name that is kept for a server, "" for none. */
export async function loginName(
  server: string,
  dockerConfig: string | undefined,
): Promise<{ username: string; server: string }> {
  const domain = loginDomain(server);
  const found = await findCredential(domain, environmentOf(dockerConfig));
  return { username: found?.kind === "basic" ? found.username : "", server: keyOf(domain) };
}

export async function logout(server: string, dockerConfig: string | undefined): Promise<{ server: string }> {
  const domain = loginDomain(server);
  await eraseCredential(domain, environmentOf(dockerConfig));
  return { server: keyOf(domain) };
}

/** Asks the registry; returns the refresh token that it gave, if any. */
async function checkCredential(
  domain: string,
  credential: Credential,
  options: RegistryOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const settings = readSettings(options.configDir);
  const session = new RegistrySession({ ...options, settings });
  const endpoint = { domain };
  try {
    return await session.retrying(endpoint, signal, undefined, async () => {
      const base = await session.base(endpoint, signal);
      const url = new URL("v2/", base);
      const insecure = isLoopback(domain) || isInsecure(domain, settings.insecureRegistries);
      const first = await session.http.send(url, { signal, insecure, document: true });
      discard(first);
      if (first.status === 200) return undefined;
      const denied = (cause: string): MockerError =>
        new MockerError("UNAUTHORIZED", `Get "${url.href}": ${cause}`, {
          hint: "Check the user name and the password, or the access token.",
        });
      if (first.status !== 401) throw unexpected(url, first.status);
      const challenges = parseChallenges([first.headers["www-authenticate"] ?? ""].flat().join(", "));
      const { header, refreshToken } = await authorize(session.http, challenges, credential, {
        scopes: [],
        secure: base.protocol === "https:",
        insecureTls: insecure,
        signal,
        denied,
        offline: credential.kind === "basic",
      });
      const second = await session.http.send(url, {
        signal,
        insecure,
        document: true,
        headers: { authorization: header },
      });
      discard(second);
      if (second.status === 200) return refreshToken;
      if (second.status !== 401) throw unexpected(url, second.status);
      throw new MockerError(
        "UNAUTHORIZED",
        `login attempt to ${url.href} failed with status: 401 Unauthorized`,
        { hint: "Check the user name and the password, or the access token." },
      );
    });
  } catch (error) {
    if (error instanceof MockerError || signal.aborted) throw error;
    throw unreachable(domain, await session.base(endpoint, signal), error);
  } finally {
    session.close();
  }
}

function unexpected(url: URL, status: number): MockerError {
  return new MockerError("REGISTRY_ERROR", `login attempt to ${url.href} failed with status: ${status}`, {
    hint: `Is ${url.host} a registry?`,
  });
}
