import { createReadStream } from "node:fs";
import { backoffMs, delay } from "../../../common/abort.ts";
import type { Digest } from "../../../docker/digest.ts";
import { familiarName } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { discard, type HttpResponse, TransientError } from "./http.ts";
import type { RegistryClient, Repository } from "./registry.ts";
import { refusal } from "./registry-errors.ts";
import type { RegistryRequest } from "./registry-session.ts";

export interface UploadOptions {
  /** The reference that the user pushes, e.g. `ghcr.io/a/b:1`, for messages. */
  what: string;
  signal: AbortSignal;
  /** Repositories of the same registry that may have the blob already. */
  mountFrom: readonly string[];
  /** How far the upload is. */
  onProgress(bytes: number): void;
  onRetry(message: string): void;
}

export type UploadOutcome = { how: "exists" | "uploaded" } | { how: "mounted"; from: string };

/** Blobs up to here go in one request (distribution-spec, "POST then PUT"). */
const monolithicBytes = 8 << 20;
/** Bytes that a cut connection costs at most. */
const chunkBytes = 64 << 20;
const maximumFutileTries = 5;
/** Registries move a blob into its place before they answer, which may take them a while. */
const storingMs = 300_000;

/** The scope of a token for writing into a repository. */
export function pushScope({ path }: Repository): string {
  return `repository:${path}:pull,push`;
}

/**
 * Makes a file a blob of a registry's repository: it is there already, is mounted from another repository, or
 * is uploaded.
 */
export class BlobUpload {
  readonly #client: RegistryClient;
  readonly #repository: Repository;
  readonly #blob: { digest: Digest; size: number; path: string };
  readonly #options: UploadOptions;

  constructor(
    client: RegistryClient,
    repository: Repository,
    blob: { digest: Digest; size: number; path: string },
    options: UploadOptions,
  ) {
    this.#client = client;
    this.#repository = repository;
    this.#blob = blob;
    this.#options = options;
  }

  async run(): Promise<UploadOutcome> {
    if (await this.#exists()) return { how: "exists" };
    for (const from of this.#options.mountFrom) if (await this.#mount(from)) return { how: "mounted", from };
    const { session } = this.#client;
    // Each request is repeated on its own; this puts into words what no repetition helps.
    await session.retrying(this.#repository, this.#options.signal, undefined, () => this.#upload());
    return { how: "uploaded" };
  }

  async #exists(): Promise<boolean> {
    const response = await this.#send({ method: "HEAD", target: `blobs/${this.#blob.digest}` });
    if (response.status !== 200 && response.status !== 404) throw await this.#refusal(response, false);
    discard(response);
    return response.status === 200;
  }

  /** False when the registry cannot or may not; the upload that it has then begun is left to it. */
  async #mount(from: string): Promise<boolean> {
    const target = `blobs/uploads/?mount=${this.#blob.digest}&from=${encodeURIComponent(from)}`;
    const response = await this.#send({ method: "POST", target }, [`repository:${from}:pull`]).catch(
      (error: unknown) => {
        if (error instanceof MockerError && error.code === "UNAUTHORIZED") return undefined;
        throw error;
      },
    );
    if (response === undefined) return false;
    discard(response);
    if (response.status === 202) await this.#abandon(response);
    return response.status === 201;
  }

  async #abandon(response: HttpResponse): Promise<void> {
    const target = await this.#location(response);
    await this.#send({ method: "DELETE", target }).then(discard, () => {});
  }

  async #upload(): Promise<void> {
    const { size, path } = this.#blob;
    const { signal, onProgress, onRetry } = this.#options;
    let session: URL | undefined;
    let sent = 0;
    for (let futile = 0; ; ) {
      const before = sent;
      try {
        if (session === undefined) {
          const opened = await this.#send({ method: "POST", target: "blobs/uploads/" });
          if (opened.status !== 202) throw await this.#refusal(opened, false);
          discard(opened);
          session = await this.#location(opened);
          sent = 0;
        }
        if (size <= monolithicBytes && sent === 0) return await this.#finish(session, 0, size);
        while (sent < size) {
          const end = Math.min(size, sent + chunkBytes);
          const response = await this.#send(
            {
              method: "PATCH",
              target: session,
              headers: {
                "content-type": "application/octet-stream",
                "content-range": `${sent}-${end - 1}`,
                "content-length": `${end - sent}`,
              },
              body: () => this.#read(path, sent, end),
            },
            [],
            false,
          );
          if (response.status !== 202) throw await this.#refusal(response, true);
          discard(response);
          session = await this.#location(response);
          sent = end;
        }
        return await this.#finish(session, size, size);
      } catch (error) {
        signal.throwIfAborted();
        // Only what may pass is tried again; a session that the registry forgot is begun anew.
        if (!(error instanceof TransientError) && !(error instanceof LostSession)) throw error;
        let lost = error instanceof LostSession;
        if (session !== undefined && !lost) {
          const reached = await this.#status(session);
          if (reached === undefined) lost = true;
          else ({ session, sent } = reached);
        }
        if (lost) {
          session = undefined;
          sent = 0;
        }
        futile = sent > before ? 0 : futile + 1;
        if (futile >= maximumFutileTries)
          throw new MockerError(
            "REGISTRY_UNREACHABLE",
            `the upload of ${this.#blob.digest} to ${familiarName(this.#repository)} was cut off at ${sent} of ${size} bytes: ${error.message}`,
            { hint: "Push again: layers that are there are not sent again.", cause: error },
          );
        onProgress(sent);
        const wait = (error instanceof TransientError ? error.retryAfterMs : undefined) ?? backoffMs(futile);
        onRetry(`${error.message}; trying again in ${Math.ceil(wait / 1000)} s`);
        await delay(wait, signal);
      }
    }
  }

  /** The last request of an upload, with the bytes from `start` on. */
  async #finish(session: URL, start: number, end: number): Promise<void> {
    const target = new URL(session);
    target.searchParams.set("digest", this.#blob.digest);
    const response = await this.#send(
      {
        method: "PUT",
        target,
        headers: { "content-type": "application/octet-stream", "content-length": `${end - start}` },
        ...(end > start ? { body: () => this.#read(this.#blob.path, start, end) } : {}),
      },
      [],
      false,
    );
    if (response.status !== 201 && response.status !== 204) throw await this.#refusal(response, true);
    discard(response);
  }

  #read(path: string, start: number, end: number) {
    const stream = createReadStream(path, { start, end: end - 1, highWaterMark: 256 * 1024 });
    let at = start;
    stream.on("data", (chunk) => {
      at += chunk.length;
      this.#options.onProgress(at);
    });
    // Nothing flows before the request wants it.
    stream.pause();
    return stream;
  }

  /** How far the registry has got with an upload; undefined when it knows nothing of it. */
  async #status(session: URL): Promise<{ session: URL; sent: number } | undefined> {
    const response = await this.#send({ method: "GET", target: session });
    discard(response);
    if (response.status !== 204) return undefined;
    const range = /^(?:bytes=)?0-([0-9]+)$/.exec(response.headers.range ?? "");
    const last = Number(range?.[1] ?? Number.NaN);
    // "0-0" is what registries say for nothing: one byte is not worth telling apart.
    const sent = Number.isNaN(last) || last === 0 ? 0 : last + 1;
    if (sent === 0 || sent > this.#blob.size) return undefined;
    return { session: response.headers.location ? await this.#location(response) : session, sent };
  }

  /** Where the upload goes on. */
  async #location(response: HttpResponse): Promise<URL> {
    const base = await this.#client.session.base(this.#repository, this.#options.signal);
    const { location } = response.headers;
    let url: URL;
    try {
      url = new URL(location ?? "", base);
    } catch {
      url = base;
    }
    if (location !== undefined && (url.protocol === "https:" || base.protocol === "http:")) {
      // A registry behind a proxy that speaks https may not know so.
      return url;
    }
    throw new MockerError(
      "REGISTRY_ERROR",
      `${this.#repository.domain} names no address, or an unprotected one, for the upload of ${this.#blob.digest}`,
      { hint: "The registry, or a proxy in front of it, is set up wrongly (X-Forwarded-Proto?)." },
    );
  }

  /** `retry`: by the session, for requests that can simply be repeated. */
  async #send(
    request: Pick<RegistryRequest, "method" | "headers" | "body"> & { target: string | URL },
    scopes: string[] = [],
    retry = true,
  ): Promise<HttpResponse> {
    const { session } = this.#client;
    const { signal, onRetry } = this.#options;
    const { target, ...rest } = request;
    const send = () =>
      session.request(
        this.#repository,
        {
          ...rest,
          target: typeof target === "string" ? `${this.#repository.path}/${target}` : target,
          scopes: [pushScope(this.#repository), ...scopes],
          document: retry,
          ...(retry ? {} : { idleMs: storingMs }),
          purpose: { action: "push", what: this.#options.what, repository: this.#repository },
        },
        signal,
      );
    return retry ? await session.retrying(this.#repository, signal, onRetry, send) : await send();
  }

  async #refusal(response: HttpResponse, uploading: boolean): Promise<Error> {
    const { status } = response;
    const error = await refusal(this.#repository, response, {
      action: "push",
      what: this.#options.what,
    });
    // 404 and 416: the upload is not there any more, or is not where we think it is.
    return uploading && (status === 404 || status === 416) ? new LostSession(error.message) : error;
  }
}

/** The registry knows nothing of the upload any more. */
class LostSession extends Error {
  override readonly name = "LostSession";
}
