import type { Readable } from "node:stream";
import { type Digest, digestOf, isDigest, verifyDigest } from "../../../docker/digest.ts";
import { familiarName, parseReference, type Reference } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { BlobSource } from "../oci/blob-source.ts";
import { type Descriptor, maximumManifestBytes, mediaTypes } from "../oci/manifest.ts";
import { findCredential } from "./docker-config.ts";
import { discard, type HttpResponse, readBody } from "./http.ts";
import { type Purpose, refusal } from "./registry-errors.ts";
import {
  type Endpoint,
  type FindCredential,
  type RegistryOptions,
  RegistrySession,
} from "./registry-session.ts";
import { defaultSettings, type RegistrySettings, readSettings } from "./registry-settings.ts";

export type { FindCredential, RegistryOptions } from "./registry-session.ts";

export interface FetchedManifest {
  bytes: Buffer;
  contentType: string;
  digest: Digest;
}

export type Repository = Pick<Reference, "domain" | "path">;

/** Called before a failed request is tried again. */
type OnRetry = ((message: string) => void) | undefined;

const accept = [
  mediaTypes.ociIndex,
  mediaTypes.dockerList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
].join(", ");

const maximumTags = 10_000;
const maximumListBytes = 4 << 20;

/** A client for registries that speak the OCI distribution specification. */
export class RegistryClient {
  readonly session: RegistrySession;
  readonly settings: RegistrySettings;
  /** Mirrors that could not be reached: not asked again. */
  readonly #lost = new Set<URL>();

  constructor(options: RegistryOptions = {}) {
    this.session = new RegistrySession(options);
    this.settings = options.settings ?? defaultSettings;
  }

  close(): void {
    this.session.close();
  }

  /** A manifest or index by tag or digest; its digest is verified. */
  async manifest(
    repository: Repository,
    tagOrDigest: string,
    signal: AbortSignal | undefined,
    onRetry?: OnRetry,
  ): Promise<FetchedManifest> {
    const what = `${familiarName(repository)}${isDigest(tagOrDigest) ? "@" : ":"}${tagOrDigest}`;
    return await this.#fromAny(repository, signal, onRetry, async (endpoint) => {
      const response = await this.session.request(
        endpoint,
        {
          target: `${repository.path}/manifests/${tagOrDigest}`,
          scopes: [pullScope(repository)],
          headers: { accept },
          document: true,
          purpose: { action: "pull", what, manifest: true, repository },
        },
        signal,
      );
      if (response.status !== 200)
        throw await this.#missing(endpoint, repository, tagOrDigest, response, what, signal);
      const bytes = await readDocument(response, maximumManifestBytes, `${what}: its manifest`);
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

  /** The blobs of a repository, not verified. */
  blobs(repository: Repository): BlobSource {
    return {
      resumable: true,
      open: (descriptor, offset, signal, onRetry) =>
        this.blob(repository, descriptor, offset, signal, onRetry),
    };
  }

  /**
   * A blob from byte `offset` on. The caller verifies it. `start` is where the stream begins: 0 if the server
   * ignores ranges.
   */
  async blob(
    repository: Repository,
    descriptor: Descriptor,
    offset: number,
    signal: AbortSignal | undefined,
    onRetry?: OnRetry,
  ): Promise<{ start: number; stream: Readable }> {
    const what = `${familiarName(repository)}@${descriptor.digest}`;
    const purpose: Purpose = { action: "pull", what };
    return await this.#fromAny(repository, signal, onRetry, async (endpoint) => {
      const response = await this.session.request(
        endpoint,
        {
          target: `${repository.path}/blobs/${descriptor.digest}`,
          scopes: [pullScope(repository)],
          ...(offset > 0 ? { headers: { range: `bytes=${offset}-` } } : {}),
          purpose: { ...purpose, repository },
        },
        signal,
      );
      if (response.status === 206) {
        const range = /^bytes ([0-9]+)-/.exec(response.headers["content-range"] ?? "");
        const start = Number(range?.[1] ?? Number.NaN);
        if (start > offset || Number.isNaN(start)) {
          discard(response);
          throw new MockerError("REGISTRY_ERROR", `${endpoint.domain} sent another range than was asked for`);
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
      throw await refusal(repository, response, purpose);
    });
  }

  /** All tags of a repository, at most {@link maximumTags}. */
  async tags(repository: Repository, signal: AbortSignal | undefined, onRetry?: OnRetry): Promise<string[]> {
    return await this.#fromAny(repository, signal, onRetry, (endpoint) =>
      this.#list(endpoint, repository, signal, Number.POSITIVE_INFINITY),
    );
  }

  async #list(
    endpoint: Endpoint,
    repository: Repository,
    signal: AbortSignal | undefined,
    pages: number,
  ): Promise<string[]> {
    const what = familiarName(repository);
    const purpose: Purpose = { action: "pull", what };
    const tags: string[] = [];
    let target: string | URL | undefined = `${repository.path}/tags/list?n=1000`;
    for (let page = 0; target !== undefined && page < pages && tags.length < maximumTags; page++) {
      const response: HttpResponse = await this.session.request(
        endpoint,
        {
          target,
          scopes: [pullScope(repository)],
          document: true,
          purpose: { ...purpose, repository },
        },
        signal,
      );
      if (response.status !== 200) throw await refusal(repository, response, purpose);
      const answer = await readJson(response, `${what}: its list of tags`);
      const listed = Array.isArray(answer.tags) ? answer.tags : [];
      tags.push(
        ...listed.filter((tag): tag is string => typeof tag === "string" && /^\w[\w.-]{0,127}$/.test(tag)),
      );
      target = nextPage(response, await this.session.base(endpoint, signal));
    }
    return tags.slice(0, maximumTags);
  }

  /** Reads from the mirrors of a repository, if it has any, or else from its registry. */
  async #fromAny<T>(
    repository: Repository,
    signal: AbortSignal | undefined,
    onRetry: OnRetry,
    read: (endpoint: Endpoint) => Promise<T>,
  ): Promise<T> {
    const mirrors = repository.domain === "docker.io" ? this.settings.mirrors : [];
    for (const url of mirrors) {
      if (this.#lost.has(url)) continue;
      const endpoint = { domain: url.host, url };
      try {
        return await this.session.retrying(endpoint, signal, onRetry, () => read(endpoint));
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof MockerError && error.code === "REGISTRY_UNREACHABLE") this.#lost.add(url);
        onRetry?.(`the mirror ${url.host} cannot give it: ${(error as Error).message}`);
      }
    }
    const endpoint = { domain: repository.domain };
    return await this.session.retrying(endpoint, signal, onRetry, () => read(endpoint));
  }

  /** The error for a manifest that is not there; tells which tags are. */
  async #missing(
    endpoint: Endpoint,
    repository: Repository,
    tagOrDigest: string,
    response: HttpResponse,
    what: string,
    signal: AbortSignal | undefined,
  ): Promise<MockerError> {
    const error = await refusal(repository, response, { action: "pull", what, manifest: true });
    if (error.code !== "IMAGE_NOT_FOUND" || response.status !== 404 || isDigest(tagOrDigest)) return error;
    const tags = await this.#list(endpoint, repository, signal, 1).catch(() => undefined);
    tags?.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const name = familiarName(repository);
    const hint =
      tags === undefined || tags.length === 0
        ? `${endpoint.domain} has no repository ${name}, or shows it only after: mocker login ${repository.domain === "docker.io" ? "" : repository.domain}`.trimEnd()
        : `Tags of ${name}: ${tags.slice(0, 12).join(", ")}${tags.length > 12 ? ", …" : ""}.`;
    return new MockerError(error.code, error.message, { hint, details: { tags: tags?.slice(0, 100) ?? [] } });
  }
}

/** The scope of a token for reading a repository. */
export function pullScope({ path }: Repository): string {
  return `repository:${path}:pull`;
}

/** The whole body of a small document. @throws IMAGE_INVALID when it is larger than `limit` */
export async function readDocument(response: HttpResponse, limit: number, what: string): Promise<Buffer> {
  try {
    return await readBody(response, limit);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new MockerError("IMAGE_INVALID", `${what} is larger than ${limit} bytes`, {
      hint: "The registry sends what no registry should: it is broken or hostile.",
    });
  }
}

/** A small JSON object. */
export async function readJson(response: HttpResponse, what: string): Promise<Record<string, unknown>> {
  const text = (await readDocument(response, maximumListBytes, what)).toString("utf8");
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new MockerError("REGISTRY_ERROR", `${what} is no JSON`, {
    hint: "Is this a registry? It, or a proxy in between, answered with something else.",
  });
}

/** RFC 5988's `Link: </v2/…?last=x&n=100>; rel="next"`, on the registry itself only. */
function nextPage(response: HttpResponse, base: URL): URL | undefined {
  const link = /<([^>]+)>\s*;[^,]*rel="?next"?/.exec([response.headers.link ?? ""].flat().join(", "));
  if (!link?.[1]) return undefined;
  try {
    const next = new URL(link[1], base);
    return next.origin === base.origin ? next : undefined;
  } catch {
    return undefined;
  }
}

/** Whose credentials are shown to registries; default: those of the engine's own config.json. */
export interface RegistryAccess {
  /** Directory of the caller's config.json. */
  dockerConfig?: string | undefined;
  /** Those that the caller gave with the request: nobody's config.json is read. */
  credentials?: FindCredential | undefined;
}

/** A client for one pull or push: settings and logins are read afresh, so that a change counts at once. */
export function openRegistry(
  options: RegistryOptions = {},
  { dockerConfig, credentials }: RegistryAccess = {},
): RegistryClient {
  const environment =
    dockerConfig === undefined ? undefined : { ...process.env, DOCKER_CONFIG: dockerConfig };
  return new RegistryClient({
    settings: readSettings(options.configDir),
    credentials: (domain) => findCredential(domain, environment),
    ...options,
    ...(credentials === undefined ? {} : { credentials }),
  });
}

/** The tags of a repository. @throws INVALID_REFERENCE, IMAGE_NOT_FOUND */
export async function listTags(
  params: { repository: string } & RegistryAccess,
  options: RegistryOptions,
  signal: AbortSignal,
): Promise<{ tags: string[] }> {
  const client = openRegistry(options, params);
  try {
    return { tags: await client.tags(parseReference(params.repository), signal) };
  } finally {
    client.close();
  }
}
