import { MockerError } from "../../../protocol/errors.ts";
import type { Credential } from "./docker-config.ts";
import { type HttpClient, readBody, retryAfterMs, TransientError } from "./http.ts";

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

/** The Authorization header, and until when it holds (milliseconds since 1970). */
export interface Authorization {
  header: string;
  expiresAt: number;
}

/**
 * Tokens live at least a minute unless their server says otherwise (distribution, "Token Authentication
 * Specification").
 */
const defaultLifetimeSeconds = 60;
const maximumTokenBytes = 1 << 20;
const brokenServer =
  "The registry's token server is broken or set up wrongly: its administrator has to correct it.";

export interface AuthorizeOptions {
  /** The scope that is wanted, e.g. `repository:library/alpine:pull`; the registry may ask for more. */
  scopes: readonly string[];
  /** Whether the registry itself is reached by https: then its token server must be too. */
  secure: boolean;
  insecureTls: boolean;
  signal: AbortSignal | undefined;
  /** Makes the error for a user who may not, from the reason in a few words. */
  denied(cause: string): MockerError;
  /** Asks the token server for a refresh token, which is kept instead of the password. */
  offline?: boolean;
}

/** An {@link Authorization} and the refresh token that came with it, if one was asked for and given. */
export type Grant = Authorization & { refreshToken?: string };

/**
 * Answers a registry's challenge: Basic with the user's name and password, Bearer with a token that the named
 * token server gives for the scopes.
 */
export async function authorize(
  http: HttpClient,
  challenges: Challenge[],
  credential: Credential | undefined,
  options: AuthorizeOptions,
): Promise<Grant> {
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
  throw options.denied(basic ? "no basic auth credentials" : "unauthorized: authentication required");
}

function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

async function fetchToken(
  http: HttpClient,
  parameters: Record<string, string>,
  credential: Credential | undefined,
  options: AuthorizeOptions,
): Promise<Grant> {
  let realm: URL;
  try {
    realm = new URL(parameters.realm ?? "");
  } catch {
    throw new MockerError("REGISTRY_ERROR", "the registry names no valid token server", {
      hint: brokenServer,
    });
  }
  if (realm.protocol !== "https:" && (options.secure || realm.protocol !== "http:"))
    throw new MockerError(
      "REGISTRY_ERROR",
      `the registry's token server ${realm.origin} is not reached by https`,
      {
        hint: "Credentials are not sent over an unprotected connection.",
      },
    );
  const asked = (parameters.scope ?? "").split(" ").filter((part) => part !== "");
  const scopes = [...new Set([...asked, ...options.scopes])];
  const { service } = parameters;
  const headers: Record<string, string> = { accept: "application/json" };
  let body: string | undefined;
  if (credential?.kind === "identity") {
    body = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: credential.token,
      client_id: "mocker",
      scope: scopes.join(" "),
      ...(service ? { service } : {}),
    }).toString();
    headers["content-type"] = "application/x-www-form-urlencoded";
  } else {
    for (const part of scopes) realm.searchParams.append("scope", part);
    if (service) realm.searchParams.set("service", service);
    if (options.offline) {
      realm.searchParams.set("offline_token", "true");
      realm.searchParams.set("client_id", "mocker");
    }
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
    document: true,
  });
  let text: string;
  try {
    text = (await readBody(response, maximumTokenBytes)).toString("utf8");
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new MockerError(
      "REGISTRY_ERROR",
      `the token server ${realm.host} gave no token: ${error.message}`,
      {
        hint: brokenServer,
      },
    );
  }
  const { status } = response;
  if (status === 401 || status === 403)
    throw options.denied(
      credential === undefined
        ? "unauthorized: authentication required"
        : "unauthorized: incorrect username or password",
    );
  if (status === 429 || status >= 500)
    throw new TransientError(`the token server ${realm.host} answered with status ${status}`, {
      status,
      retryAfterMs: retryAfterMs(response.headers["retry-after"]),
    });
  if (status !== 200)
    throw new MockerError("REGISTRY_ERROR", `the token server ${realm.host} answered with status ${status}`);
  let answer: Record<string, unknown>;
  try {
    answer = JSON.parse(text) as Record<string, unknown>;
  } catch {
    answer = {};
  }
  const token = answer.token || answer.access_token;
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token))
    throw new MockerError("REGISTRY_ERROR", `the token server ${realm.host} gave no token`, {
      hint: brokenServer,
    });
  const lifetime = answer.expires_in;
  const seconds = typeof lifetime === "number" && lifetime > 0 ? lifetime : defaultLifetimeSeconds;
  // Counted from now, not from the server's clock; renewed a little early.
  const expiresAt = Date.now() + Math.max(seconds - 10, seconds / 2) * 1000;
  const refreshToken = answer.refresh_token;
  return {
    header: `Bearer ${token}`,
    expiresAt,
    ...(typeof refreshToken === "string" && refreshToken !== "" ? { refreshToken } : {}),
  };
}
