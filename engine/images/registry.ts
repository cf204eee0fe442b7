import type { Readable } from "node:stream";
import { MockerError } from "../protocol/errors.ts";
import { type Authorization, authorize, parseChallenges } from "./auth.ts";
import { type Digest, digestOf, isDigest, verifyDigest } from "./digest.ts";
import { type Credential, findCredential } from "./docker-config.ts";
import {
  backoffMs,
  delay,
  discard,
  HttpClient,
  type HttpResponse,
  readBody,
  retryAfterMs,
  TransientError,
} from "./http.ts";
import { type Descriptor, maximumManifestBytes, mediaTypes } from "./manifest.ts";
import { canonicalName, familiarName, type Reference } from "./reference.ts";

export interface FetchedManifest {
  bytes: Buffer;
  contentType: string;
  digest: Digest;
}

export interface RegistryOptions {
  /** Hosts (`name` or `name:port`) that may be spoken to by http or with any certificate; loopback hosts always may. */
  insecureRegistries?: readonly string[];
  credentials?: (domain: string) => Promise<Credential | undefined>;
  /** Called before a failed request is tried again. */
  onRetry?: (message: string) => void;
}

type Repository = Pick<Reference, "domain" | "path">;

const attempts = 5;
const maximumRedirects = 5;

const accept = [
  mediaTypes.ociIndex,
  mediaTypes.dockerList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
].join(", ");

/** A client for registries that speak the OCI distribution specification (pull only). */
export class RegistryClient {
  readonly #http = new HttpClient();
  readonly #insecure: ReadonlySet<string>;
  readonly #credentials: (domain: string) => Promise<Credential | undefined>;
  readonly #bases = new Map<string, Promise<URL>>();
  readonly #authorizations = new Map<string, Authorization>();
  /** Registries that have answered: a connection that they refuse now is worth another try. */
  readonly #reached = new Set<string>();

  constructor(options: RegistryOptions = {}) {
    this.#insecure = new Set(options.insecureRegistries ?? []);
    this.#credentials = options.credentials ?? ((domain) => findCredential(domain));
  }

  close(): void {
    this.#http.close();
  }

  /** A manifest or index by tag or digest; its digest is verified. */
  async manifest(
    repository: Repository,
    tagOrDigest: string,
    signal: AbortSignal | undefined,
    onRetry?: (message: string) => void,
  ): Promise<FetchedManifest> {
    const what = `${familiarName(repository)}${isDigest(tagOrDigest) ? "@" : ":"}${tagOrDigest}`;
    return await this.#retrying(repository, signal, onRetry, async () => {
      const response = await this.#request(repository, `manifests/${tagOrDigest}`, { accept }, signal);
      if (response.status !== 200) throw await this.#failure(repository, response, what);
      let bytes: Buffer;
      try {
        bytes = await readBody(response, maximumManifestBytes);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new MockerError(
          "IMAGE_INVALID",
          `${what}: its manifest is larger than ${maximumManifestBytes} bytes`,
        );
      }
      const named = response.headers["docker-content-digest"];
      if (isDigest(tagOrDigest)) verifyDigest(bytes, tagOrDigest, what);
      else if (isDigest(named)) verifyDigest(bytes, named, what);
      return {
        bytes,
        contentType: response.headers["content-type"] ?? "",
        digest: isDigest(tagOrDigest) ? tagOrDigest : isDigest(named) ? named : digestOf(bytes),
      };
    });
  }

  /**
   * A blob from byte `offset` on. The caller verifies it. `start` is where the stream begins: 0 if the server ignores
   * ranges.
   */
  async blob(
    repository: Repository,
    descriptor: Descriptor,
    offset: number,
    signal: AbortSignal | undefined,
    onRetry?: (message: string) => void,
  ): Promise<{ start: number; stream: Readable }> {
    return await this.#retrying(repository, signal, onRetry, async () => {
      const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
      const response = await this.#request(repository, `blobs/${descriptor.digest}`, headers, signal);
      if (response.status === 206) {
        const range = /^bytes ([0-9]+)-/.exec(response.headers["content-range"] ?? "");
        const start = Number(range?.[1] ?? Number.NaN);
        if (start > offset || Number.isNaN(start)) {
          discard(response);
          throw new MockerError(
            "REGISTRY_ERROR",
            `${repository.domain} sent another range than was asked for`,
          );
        }
        return { start, stream: response.body };
      }
      if (response.status === 200) {
        const length = response.headers["content-length"];
        if (length !== undefined && Number(length) !== descriptor.size) {
          discard(response);
          throw new MockerError(
            "DIGEST_MISMATCH",
            `${familiarName(repository)}: the blob ${descriptor.digest} has ${length} bytes in the registry, ${descriptor.size} in the manifest`,
            { hint: "The registry's contents are damaged or tampered with." },
          );
        }
        return { start: 0, stream: response.body };
      }
      throw await this.#failure(repository, response, `${familiarName(repository)}@${descriptor.digest}`);
    });
  }

  /** Repeats `action` while it fails for reasons that may pass. */
  async #retrying<T>(
    repository: Repository,
    signal: AbortSignal | undefined,
    onRetry: ((message: string) => void) | undefined,
    action: () => Promise<T>,
  ): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await action();
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof MockerError) throw error;
        if (!(error instanceof TransientError) || attempt + 1 >= attempts)
          throw unreachable(repository, error);
        // Nobody listens there: only a registry that answered a moment ago is worth waiting for.
        if (error.refused && !this.#reached.has(repository.domain)) throw unreachable(repository, error);
        const wait = error.retryAfterMs ?? backoffMs(attempt);
        onRetry?.(`${error.message}; trying again in ${Math.ceil(wait / 1000)} s`);
        await delay(wait, signal);
      }
    }
  }

  /** One request with authorization and redirects. */
  async #request(
    repository: Repository,
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    const base = await this.#base(repository.domain, signal);
    const url = new URL(`/v2/${repository.path}/${path}`, base);
    const key = canonicalName(repository);
    const insecureTls = this.#mayBeInsecure(repository.domain);
    let challenged = false;
    for (;;) {
      const known = this.#authorizations.get(key);
      const usable = known !== undefined && known.expiresAt > Date.now() ? known : undefined;
      const response = await this.#follow(url, usable?.header, headers, insecureTls, signal);
      this.#reached.add(repository.domain);
      if (response.status !== 401 || challenged) return await this.#checkTransient(repository, response);
      challenged = true;
      discard(response);
      const granted = await authorize(
        this.#http,
        parseChallenges([response.headers["www-authenticate"] ?? ""].flat().join(", ")),
        await this.#credentials(repository.domain),
        {
          scope: `repository:${repository.path}:pull`,
          secure: base.protocol === "https:",
          insecureTls,
          signal,
        },
      );
      if (granted === undefined)
        throw new MockerError("UNAUTHORIZED", `${key}: authentication required`, {
          hint: `Log in with "docker login ${repository.domain}" (or another tool that writes Docker's config.json) and try again.`,
        });
      this.#authorizations.set(key, granted);
    }
  }

  async #checkTransient(repository: Repository, response: HttpResponse): Promise<HttpResponse> {
    const { status } = response;
    if (status !== 429 && status !== 408 && !(status >= 500 && status !== 501)) return response;
    discard(response);
    throw new TransientError(
      status === 429
        ? `${repository.domain} says that there were too many requests`
        : `${repository.domain} answered with status ${status}`,
      { retryAfterMs: retryAfterMs(response.headers["retry-after"]) },
    );
  }

  async #follow(
    start: URL,
    authorization: string | undefined,
    headers: Record<string, string>,
    insecure: boolean,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    let url = start;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#http.send(url, {
        // Another host gets no credentials: blobs are often on a storage service with signed addresses.
        headers: { ...headers, ...(authorization && url.origin === start.origin ? { authorization } : {}) },
        signal,
        insecure: insecure && url.host === start.host,
      });
      const { location } = response.headers;
      if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response;
      discard(response);
      if (redirects === maximumRedirects)
        throw new MockerError("REGISTRY_ERROR", `${start.host} redirects in circles`);
      let next: URL;
      try {
        next = new URL(location, url);
      } catch {
        throw new MockerError("REGISTRY_ERROR", `${start.host} redirects to an address that is not valid`);
      }
      const allowed = next.protocol === "https:" || (next.protocol === "http:" && start.protocol === "http:");
      if (!allowed)
        throw new MockerError(
          "REGISTRY_ERROR",
          `${start.host} redirects to ${next.origin}, which is not protected by https`,
        );
      url = next;
    }
  }

  #mayBeInsecure(domain: string): boolean {
    return (
      isLoopback(domain) || this.#insecure.has(domain) || this.#insecure.has(domain.replace(/:[0-9]+$/, ""))
    );
  }

  /** Where a registry is. A host that may be insecure is asked by https first, as Docker does. */
  #base(domain: string, signal: AbortSignal | undefined): Promise<URL> {
    const host = domain === "docker.io" ? "registry-1.docker.io" : domain;
    const known = this.#bases.get(domain);
    if (known) return known;
    const secure = new URL(`https://${host}`);
    const found = this.#mayBeInsecure(domain)
      ? this.#http.send(new URL("/v2/", secure), { signal, insecure: true }).then(
          (response) => {
            discard(response);
            return secure;
          },
          (error: unknown) => {
            if (signal?.aborted) throw error;
            return new URL(`http://${host}`);
          },
        )
      : Promise.resolve(secure);
    this.#bases.set(domain, found);
    // Not remembered for a registry that was asked in vain: it may come up later with or without https.
    found.then(
      (base) =>
        base.protocol === "http:" &&
        isLoopback(domain) &&
        setTimeout(() => this.#bases.delete(domain), 30_000).unref(),
      () => this.#bases.delete(domain),
    );
    return found;
  }

  /** The error that an answer means, in Docker's words where it has some. */
  async #failure(repository: Repository, response: HttpResponse, what: string): Promise<Error> {
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
    const name = familiarName(repository);
    const { status } = response;
    if (
      status === 401 ||
      status === 403 ||
      code === "DENIED" ||
      code === "UNAUTHORIZED" ||
      code === "NAME_UNKNOWN"
    )
      return status === 404 || code === "NAME_UNKNOWN"
        ? new MockerError("IMAGE_NOT_FOUND", `${name}: repository does not exist in ${repository.domain}`, {
            hint: "Check the spelling, or log in if the repository is private.",
          })
        : new MockerError(
            "UNAUTHORIZED",
            `pull access denied for ${name}, repository does not exist or may require login${message === "" ? "" : `: ${message}`}`,
            { hint: `Check the spelling, or log in with "docker login ${repository.domain}".` },
          );
    if (status === 404)
      return new MockerError(
        "IMAGE_NOT_FOUND",
        `${what} not found in ${repository.domain}${message === "" ? "" : `: ${message}`}`,
        {
          hint: "Check the name and the tag.",
        },
      );
    return new MockerError(
      "REGISTRY_ERROR",
      `${repository.domain} answered with status ${status} for ${what}${message === "" ? "" : `: ${message}`}`,
    );
  }
}

function unreachable(repository: Repository, error: unknown): MockerError {
  const { message, code } = error as NodeJS.ErrnoException;
  const tls = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|EPROTO|ERR_SSL_)/.test(code ?? "");
  return new MockerError(
    "REGISTRY_UNREACHABLE",
    `cannot reach the registry ${repository.domain}: ${message}`,
    {
      hint: tls
        ? "Its certificate is not trusted or it does not speak https: add its authority to /etc/docker/certs.d, or list it as an insecure registry."
        : "Check the name, the network and the proxy settings.",
      cause: error,
    },
  );
}

/** Loopback hosts need no https: what is sent to them does not leave the machine. */
export function isLoopback(domain: string): boolean {
  const host = domain.replace(/:[0-9]+$/, "");
  return host === "localhost" || host === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
}
