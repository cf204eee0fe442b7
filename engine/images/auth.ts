import { MockerError } from "../protocol/errors.ts";
import type { Credential } from "./docker-config.ts";
import { type HttpClient, readBody } from "./http.ts";

/** One challenge of a WWW-Authenticate header (RFC 9110, section 11.6.1). */
export interface Challenge {
  scheme: string;
  parameters: Record<string, string>;
}

/** Reads a WWW-Authenticate header, which may hold several challenges. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
  const pattern = new RegExp(
    `\\s*,?\\s*(?:(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))|(${token})(?=\\s|,|$))`,
    "y",
  );
  for (let match = pattern.exec(header); match !== null; match = pattern.exec(header)) {
    const [whole, name, quoted, plain, scheme] = match;
    if (whole === "") break;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: {} });
    else if (name !== undefined) {
      const current = challenges[challenges.length - 1];
      if (current) current.parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "";
    }
  }
  return challenges;
}

/** What goes into the Authorization header, and until when (milliseconds since 1970). */
export interface Authorization {
  header: string;
  expiresAt: number;
}

/** Tokens live at least a minute unless their server says otherwise (distribution, "Token Authentication Specification"). */
const defaultLifetimeSeconds = 60;

/**
 * Answers a registry's challenge: Basic with the user's name and password, Bearer with a token that the named token server gives
 * for `scope`. undefined: nothing in the challenge can be answered.
 *
 * @param secure whether the registry itself is reached by https: then its token server must be too
 */
export async function authorize(
  http: HttpClient,
  challenges: Challenge[],
  credential: Credential | undefined,
  options: { scope: string; secure: boolean; insecureTls: boolean; signal: AbortSignal | undefined },
): Promise<Authorization | undefined> {
  const bearer = challenges.find(({ scheme }) => scheme === "bearer");
  if (bearer) {
    if (credential?.kind === "registry")
      return { header: `Bearer ${credential.token}`, expiresAt: Number.POSITIVE_INFINITY };
    return await fetchToken(http, bearer.parameters, credential, options);
  }
  const basic = challenges.find(({ scheme }) => scheme === "basic");
  if (basic && credential?.kind === "basic")
    return {
      header: basicHeader(credential.username, credential.password),
      expiresAt: Number.POSITIVE_INFINITY,
    };
  return undefined;
}

function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

async function fetchToken(
  http: HttpClient,
  parameters: Record<string, string>,
  credential: Credential | undefined,
  options: { scope: string; secure: boolean; insecureTls: boolean; signal: AbortSignal | undefined },
): Promise<Authorization> {
  let realm: URL;
  try {
    realm = new URL(parameters.realm ?? "");
  } catch {
    throw new MockerError("REGISTRY_ERROR", "the registry names no valid token server");
  }
  if (realm.protocol !== "https:" && (options.secure || realm.protocol !== "http:"))
    throw new MockerError(
      "REGISTRY_ERROR",
      `the registry's token server ${realm.origin} is not reached by https`,
      {
        hint: "Credentials are not sent over an unprotected connection.",
      },
    );
  const scope = parameters.scope || options.scope;
  const { service } = parameters;
  const headers: Record<string, string> = { accept: "application/json" };
  let body: string | undefined;
  if (credential?.kind === "identity") {
    body = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: credential.token,
      client_id: "mocker",
      scope,
      ...(service ? { service } : {}),
    }).toString();
    headers["content-type"] = "application/x-www-form-urlencoded";
  } else {
    for (const part of scope.split(" ")) realm.searchParams.append("scope", part);
    if (service) realm.searchParams.set("service", service);
    if (credential?.kind === "basic") {
      realm.searchParams.set("account", credential.username);
      headers.authorization = basicHeader(credential.username, credential.password);
    }
  }
  const response = await http.send(realm, {
    method: body === undefined ? "GET" : "POST",
    headers,
    ...(body === undefined ? {} : { body }),
    signal: options.signal,
    insecure: options.insecureTls,
  });
  const text = (await readBody(response, 1 << 20)).toString("utf8");
  if (response.status === 401 || response.status === 403)
    throw new MockerError("UNAUTHORIZED", `unauthorized: ${realm.host} refused the user name or password`, {
      hint: 'Log in to the registry again, with "docker login" or the like.',
    });
  if (response.status !== 200)
    throw new MockerError(
      "REGISTRY_ERROR",
      `the token server ${realm.host} answered with status ${response.status}`,
    );
  let answer: Record<string, unknown>;
  try {
    answer = JSON.parse(text) as Record<string, unknown>;
  } catch {
    answer = {};
  }
  const token = answer.token || answer.access_token;
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token))
    throw new MockerError("REGISTRY_ERROR", `the token server ${realm.host} gave no token`);
  const lifetime = answer.expires_in;
  const seconds = typeof lifetime === "number" && lifetime > 0 ? lifetime : defaultLifetimeSeconds;
  // Counted from now, not from the server's clock; renewed a little early.
  return { header: `Bearer ${token}`, expiresAt: Date.now() + Math.max(seconds - 10, seconds / 2) * 1000 };
}
