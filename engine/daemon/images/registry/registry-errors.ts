import { familiarName, type Reference } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { type HttpResponse, readBody, TransientError } from "./http.ts";

/** Failures of registries in Docker's words, with what to do about them. */

type Repository = Pick<Reference, "domain" | "path">;

/** The purpose of a request. */
export interface Purpose {
  action: "pull" | "push";
  /** The object that is asked for, e.g. `alpine:3.20`. */
  what: string;
  /** Also what is asked for is a manifest: what is not there is no tag of the repository. */
  manifest?: boolean;
}

/** The first error of an answer (distribution-spec, "Error Codes"), "" where there is none. */
export async function answeredError(response: HttpResponse): Promise<{ code: string; text: string }> {
  let code = "";
  let message = "";
  try {
    const answer = JSON.parse((await readBody(response, 1 << 16)).toString("utf8")) as {
      errors?: { code?: unknown; message?: unknown }[];
    };
    const first = answer.errors?.[0];
    code = typeof first?.code === "string" ? first.code.slice(0, 100) : "";
    message = typeof first?.message === "string" ? first.message.slice(0, 300) : "";
  } catch {
    // Not every proxy in between speaks JSON; the status says enough.
  }
  // As Docker words it: MANIFEST_UNKNOWN is "manifest unknown: manifest unknown".
  const words = code.toLowerCase().replaceAll("_", " ");
  return { code, text: [words, message].filter((part) => part !== "").join(": ") };
}

/** The error that an answer means. Reads the rest of the answer. */
export async function refusal(
  repository: Repository,
  response: HttpResponse,
  purpose: Purpose,
): Promise<MockerError> {
  const { status } = response;
  const { code, text } = await answeredError(response);
  const name = familiarName(repository);
  const because = text === "" ? "" : `: ${text}`;
  if (code === "NAME_UNKNOWN" && purpose.action === "pull")
    return new MockerError("IMAGE_NOT_FOUND", `repository ${name} not found${because}`, {
      hint: `Check the spelling of ${name}, or log in if it is private: mocker login ${loginHost(repository)}`,
    });
  if (status === 401 || status === 403 || code === "DENIED" || code === "UNAUTHORIZED")
    return accessDenied(repository, purpose, text || `status ${status}`);
  if (status === 404 && purpose.manifest)
    return new MockerError("IMAGE_NOT_FOUND", `manifest for ${purpose.what} not found${because}`, {
      hint: `Check the name and the tag of ${purpose.what}.`,
    });
  if (status === 404 && purpose.action === "pull")
    return new MockerError("IMAGE_NOT_FOUND", `${purpose.what} not found in ${repository.domain}${because}`, {
      hint: "The registry's contents are incomplete: push the image again.",
    });
  return new MockerError(
    "REGISTRY_ERROR",
    `${repository.domain} answered with status ${status} for ${purpose.what}${because}`,
    {
      hint: `The registry ${repository.domain} refuses this; its administrator can tell why from its log.`,
    },
  );
}

/** Docker's words for a user who may not. */
export function accessDenied(
  repository: Repository,
  { action, what }: Pick<Purpose, "action" | "what">,
  cause: string,
): MockerError {
  const name = familiarName(repository);
  return new MockerError(
    "UNAUTHORIZED",
    repository.path === ""
      ? `access to ${what} denied: ${cause}`
      : action === "pull"
        ? `pull access denied for ${name}, repository does not exist or may require 'mocker login': ${cause}`
        : `push access denied for ${name}: ${cause}`,
    {
      hint: `${repository.path === "" ? "Log" : `Check the spelling of ${what}, or log`} in: mocker login ${loginHost(repository)}`.trimEnd(),
    },
  );
}

/** The argument of `mocker login`; none for Docker Hub. */
function loginHost({ domain }: Repository): string {
  return domain === "docker.io" ? "" : domain;
}

/** Puts the reference that the user typed into an error, unless it is there. */
export function naming(error: unknown, typed: string): unknown {
  if (!(error instanceof MockerError)) return error;
  const { code, message, hint, details } = error;
  if (message.includes(typed) || hint?.includes(typed)) return error;
  const shown = typed.length > 300 ? `${typed.slice(0, 300)}…` : typed;
  return new MockerError(code, message, {
    hint: `${hint ?? ""} (This was for ${shown}.)`.trimStart(),
    details,
    cause: error,
  });
}

const unknownAuthority =
  /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_UNTRUSTED)/;
/** OpenSSL's error for an answer in plain text. */
const plainAnswer = /wrong version number|packet length too long|http request|ERR_SSL_WRONG_VERSION_NUMBER/i;

/**
 * Why a registry, or the server that has `wanted`, cannot be spoken to: Go's words, as Docker's users know
 * them.
 */
export function unreachable(
  domain: string,
  url: URL,
  error: unknown,
  configDir = "~/.config/mocker",
  wanted = `${url.origin}/v2/`,
): MockerError {
  const { words, hint } = explain(domain, url, error, configDir);
  return new MockerError("REGISTRY_UNREACHABLE", `Get "${wanted}": ${words}`, { hint, cause: error });
}

function explain(
  domain: string,
  url: URL,
  error: unknown,
  configDir: string,
): { words: string; hint: string } {
  const cause = (error as Error).cause instanceof Error ? (error as Error).cause : error;
  const {
    code = "",
    message,
    address,
    port,
    hostname,
  } = cause as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
    hostname?: string;
  };
  const at = address === undefined ? url.host : `${address.includes(":") ? `[${address}]` : address}:${port}`;
  const dial = `${domain !== hostOf(at) && port !== undefined && !isPortOf(url, port) ? "proxyconnect tcp: " : ""}dial tcp ${at}`;
  const check = `Check the name ${domain}, that the registry runs, the network and the proxy settings (HTTPS_PROXY, NO_PROXY).`;
  if (error instanceof TransientError && error.timeout)
    return { words: `dial tcp ${url.host}: i/o timeout (${error.message})`, hint: check };
  if (unknownAuthority.test(code))
    return {
      words: "tls: failed to verify certificate: x509: certificate signed by unknown authority",
      hint: `If you trust it, put its authority's certificate into ${configDir}/certs.d/${domain}/ca.crt (or /etc/docker/certs.d/${domain}/ca.crt).`,
    };
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return {
      words: `tls: failed to verify certificate: x509: ${message.replace(/^.*does not match certificate's altnames: /, "")}`,
      hint: `The certificate is for another name than ${url.hostname}: use the name that it is for.`,
    };
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return {
      words: "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
      hint: `Check this machine's clock, or renew the certificate of ${domain}.`,
    };
  if (/CERTIFICATE_REQUIRED|BAD_CERTIFICATE|HANDSHAKE_FAILURE/i.test(code))
    return {
      words: `remote error: tls: ${/CERTIFICATE_REQUIRED/i.test(code) ? "certificate required" : "bad certificate"}`,
      hint: `Put the client certificate that ${domain} wants into ${configDir}/certs.d/${domain}/client.cert and its key beside it, client.key.`,
    };
  if (plainAnswer.test(`${code} ${message}`))
    return {
      words: "http: server gave HTTP response to HTTPS client",
      hint: `If ${domain} may be spoken to without encryption, add it to "insecure-registries" in ${configDir}/engine.json.`,
    };
  switch (code) {
    case "ECONNREFUSED":
      return { words: `${dial}: connect: connection refused`, hint: check };
    case "EHOSTUNREACH":
      return { words: `${dial}: connect: no route to host`, hint: check };
    case "ENETUNREACH":
      return { words: `${dial}: connect: network is unreachable`, hint: check };
    case "ETIMEDOUT":
      return { words: `${dial}: i/o timeout`, hint: check };
    case "ENOTFOUND":
    case "EAI_NONAME":
      return { words: `dial tcp: lookup ${hostname ?? url.hostname}: no such host`, hint: check };
    case "EAI_AGAIN":
      return {
        words: `dial tcp: lookup ${hostname ?? url.hostname}: Temporary failure in name resolution`,
        hint: check,
      };
    default:
      return { words: (error as Error).message, hint: check };
  }
}

function hostOf(at: string): string {
  return at.replace(/:[0-9]+$/, "");
}

function isPortOf(url: URL, port: number): boolean {
  return port === Number(url.port || (url.protocol === "https:" ? 443 : 80));
}
