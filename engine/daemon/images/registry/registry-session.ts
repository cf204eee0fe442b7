import type { Readable } from "node:stream";
import { backoffMs, delay, unlessAborted } from "../../../common/abort.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { type Authorization, authorize, parseChallenges } from "./auth.ts";
import { certificateDirectories, shortPath } from "./certificates.ts";
import { type Credential, findCredential } from "./docker-config.ts";
import {
  discard,
  HttpClient,
  type HttpOptions,
  type HttpResponse,
  type HttpTimeouts,
  retryAfterMs,
  TransientError,
} from "./http.ts";
import { accessDenied, type Purpose, unreachable } from "./registry-errors.ts";
import { defaultSettings, isInsecure, isLoopback, type RegistrySettings } from "./registry-settings.ts";

/** Finds the credentials for a registry or mirror, `host[:port]`, `docker.io` for Docker Hub. */
export type FindCredential = (domain: string) => Promise<Credential | undefined>;

export interface RegistryOptions {
  settings?: RegistrySettings;
  /** The directory of engine.json, with `certs.d` beside it. */
  configDir?: string | undefined;
  /** More hosts, besides those of the settings, that may be spoken to by http or with any certificate. */
  insecureRegistries?: readonly string[];
  credentials?: FindCredential;
  timeouts?: Partial<HttpTimeouts> | undefined;
}

/** A place where a repository's contents are: the registry of its name, or a mirror of that. */
export interface Endpoint {
  /** Whose credentials are shown, and what the place is called in messages. */
  domain: string;
  /** Where it is, for a mirror; a registry's place follows from its domain. */
  url?: URL;
}

export interface RegistryRequest {
  method?: NonNullable<HttpOptions["method"]>;
  /** Below `/v2/`, or a whole URL that the registry has given. */
  target: string | URL;
  /** Scope and resource, e.g. `repository:library/alpine:pull`. */
  scopes: string[];
  headers?: Record<string, string>;
  /** Made anew for each try. */
  body?: () => string | Uint8Array | Readable;
  document?: boolean;
  /** Longer than usual without a byte. */
  idleMs?: number;
  purpose: Purpose & { repository: { domain: string; path: string } };
}

const maximumRedirects = 5;
/**
 * Attempts of one request to log in: for the token that it needs, and for the one that expired in the
 * meantime.
 */
const maximumChallenges = 2;

/** Requests to registries: where they are, authorization, redirects, retries. */
export class RegistrySession {
  readonly #http: HttpClient;
  readonly #options: RegistryOptions;
  readonly #settings: RegistrySettings;
  readonly #bases = new Map<string, Promise<URL>>();
  readonly #authorizations = new Map<string, Authorization>();
  /** Tokens on their way: requests at the same time share one. */
  readonly #grants = new Map<string, Promise<Authorization>>();
  /** Registries that have answered: a connection that they refuse now is worth another try. */
  readonly #reached = new Set<string>();

  constructor(options: RegistryOptions = {}) {
    this.#options = options;
    this.#settings = options.settings ?? defaultSettings;
    const { maxConcurrentDownloads, maxConcurrentUploads } = this.#settings;
    this.#http = new HttpClient({
      timeouts: options.timeouts,
      maxSockets: Math.max(maxConcurrentDownloads, maxConcurrentUploads) + 4,
      proxies: this.#settings.proxies,
      certificateDirectories: certificateDirectories(options.configDir),
    });
  }

  close(): void {
    this.#http.close();
  }

  get http(): HttpClient {
    return this.#http;
  }

  /** Repeats `action` while it fails for reasons that may pass. */
  async retrying<T>(
    endpoint: Endpoint,
    signal: AbortSignal | undefined,
    onRetry: ((message: string) => void) | undefined,
    action: () => Promise<T>,
  ): Promise<T> {
    // A mirror is worth less patience: there is another place to ask.
    const attempts = endpoint.url === undefined ? this.#settings.maxDownloadAttempts : 2;
    for (let attempt = 0; ; attempt++) {
      try {
        return await action();
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof MockerError) throw error;
        // Nobody listens there: only a registry that answered a moment ago is worth waiting for.
        const hopeless =
          !(error instanceof TransientError) || (error.refused && !this.#reached.has(endpoint.domain));
        if (hopeless || attempt + 1 >= attempts) throw await this.#giveUp(endpoint, error);
        const wait = error.retryAfterMs ?? backoffMs(attempt);
        onRetry?.(`${error.message}; trying again in ${Math.ceil(wait / 1000)} s`);
        await delay(wait, signal);
      }
    }
  }

  async #giveUp(endpoint: Endpoint, error: unknown): Promise<Error> {
    if (error instanceof TransientError && error.status !== undefined)
      return new MockerError(
        "REGISTRY_ERROR",
        `${error.message}, ${this.#settings.maxDownloadAttempts} times in a row`,
        { hint: `The registry ${endpoint.domain} is overloaded or broken: try again later.`, cause: error },
      );
    const base = await this.base(endpoint, undefined).catch(() => new URL(`https://${endpoint.domain}`));
    const { configDir } = this.#options;
    return unreachable(
      endpoint.domain,
      base,
      error,
      ...(configDir === undefined ? [] : ([shortPath(configDir)] as const)),
    );
  }

  /** One request with authorization and redirects. Throws TransientError for a status that may pass. */
  async request(
    endpoint: Endpoint,
    request: RegistryRequest,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    const base = await this.base(endpoint, signal);
    const url = typeof request.target === "string" ? new URL(`v2/${request.target}`, base) : request.target;
    const key = `${endpoint.domain} ${request.scopes.join(" ")}`;
    const insecureTls = this.#mayBeInsecure(endpoint.domain);
    for (let challenges = 0; ; challenges++) {
      const known = this.#authorizations.get(key);
      const usable = known !== undefined && known.expiresAt > Date.now() ? known : undefined;
      // Where an upload goes on is the registry's to say; its credentials stay with its own host.
      const authorization = url.origin === base.origin ? usable?.header : undefined;
      const response = await this.#follow(url, authorization, request, insecureTls, signal);
      this.#reached.add(endpoint.domain);
      // A name and a password that are refused once are refused: trying again only locks accounts.
      const refused = usable?.header.startsWith("Basic ") ?? false;
      if (response.status !== 401 || refused || challenges === maximumChallenges)
        return this.#checkTransient(endpoint, response);
      discard(response);
      // Another request may have got a new one in the meantime.
      if (this.#authorizations.get(key) !== known) continue;
      const flight =
        this.#grants.get(key) ??
        this.#authorize(endpoint, request, response, base, insecureTls).finally(() =>
          this.#grants.delete(key),
        );
      this.#grants.set(key, flight);
      const granted = await (signal ? unlessAborted(flight, signal) : flight);
      this.#authorizations.set(key, granted);
    }
  }

  /** Not ended by any one request's signal: others may wait for the same token. */
  async #authorize(
    endpoint: Endpoint,
    { scopes, purpose }: RegistryRequest,
    { headers }: HttpResponse,
    base: URL,
    insecureTls: boolean,
  ): Promise<Authorization> {
    const challenges = parseChallenges([headers["www-authenticate"] ?? ""].flat().join(", "));
    return await authorize(this.#http, challenges, await this.#credential(endpoint), {
      scopes,
      secure: base.protocol === "https:",
      insecureTls,
      signal: undefined,
      denied: (cause) => accessDenied(purpose.repository, purpose, cause),
    });
  }

  async #credential({ domain }: Endpoint): Promise<Credential | undefined> {
    return await (this.#options.credentials ?? ((name: string) => findCredential(name)))(domain);
  }

  #checkTransient({ domain }: Endpoint, response: HttpResponse): HttpResponse {
    const { status } = response;
    if (status === 407) {
      discard(response);
      throw new MockerError(
        "REGISTRY_UNREACHABLE",
        `Get "https://${domain}/v2/": Proxy Authentication Required`,
        {
          hint: "Put the proxy's user name and password before its host in HTTPS_PROXY: USER:PASSWORD@HOST:PORT",
        },
      );
    }
    if (status !== 429 && status !== 408 && !(status >= 500 && status !== 501)) return response;
    discard(response);
    throw new TransientError(
      status === 429
        ? `toomanyrequests: ${domain} says that there were too many requests`
        : `${domain} answered with status ${status}`,
      { status, retryAfterMs: retryAfterMs(response.headers["retry-after"]) },
    );
  }

  async #follow(
    start: URL,
    authorization: string | undefined,
    { method = "GET", headers, body, document, idleMs }: RegistryRequest,
    insecure: boolean,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    let url = start;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#http.send(url, {
        method,
        // Another host gets no credentials: blobs are often on a storage service with signed addresses.
        headers: { ...headers, ...(authorization && url.origin === start.origin ? { authorization } : {}) },
        body: body?.(),
        signal,
        insecure: insecure && url.host === start.host,
        document: document ?? false,
        ...(idleMs === undefined ? {} : { idleMs }),
      });
      const { location } = response.headers;
      if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response;
      discard(response);
      if (redirects === maximumRedirects)
        throw new MockerError(
          "REGISTRY_ERROR",
          `Get "${start.origin}/v2/": stopped after ${redirects} redirects`,
          {
            hint: `${start.host} redirects in circles: its administrator has to correct it, or a proxy in between.`,
          },
        );
      url = redirectTarget(location, url, start);
    }
  }

  #mayBeInsecure(domain: string): boolean {
    return (
      isLoopback(domain) ||
      isInsecure(domain, [...this.#settings.insecureRegistries, ...(this.#options.insecureRegistries ?? [])])
    );
  }

  /**
   * Where a registry is, with a slash at the end. A host that may be insecure is asked by https first, as
   * Docker does.
   */
  base(endpoint: Endpoint, signal: AbortSignal | undefined): Promise<URL> {
    if (endpoint.url) return Promise.resolve(endpoint.url);
    const { domain } = endpoint;
    const host = domain === "docker.io" ? "registry-1.docker.io" : domain;
    const known = this.#bases.get(domain);
    if (known) return known;
    const secure = new URL(`https://${host}`);
    const found = this.#mayBeInsecure(domain)
      ? this.#http.send(new URL("/v2/", secure), { signal, insecure: true, document: true }).then(
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
}

function redirectTarget(location: string, from: URL, start: URL): URL {
  let next: URL;
  try {
    next = new URL(location, from);
  } catch {
    throw new MockerError("REGISTRY_ERROR", `${start.host} redirects to an address that is not valid`);
  }
  if (next.protocol === "https:" || (next.protocol === "http:" && start.protocol === "http:")) return next;
  throw new MockerError(
    "REGISTRY_ERROR",
    `${start.host} redirects to ${next.protocol}//${next.host}, which is not protected by https`,
  );
}
