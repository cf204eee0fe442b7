import { renameSync, statSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { backoffMs, delay, unlessAborted } from "../../../common/abort.ts";
import { temporaryName } from "../../../common/atomic-file.ts";
import { readRange } from "../../../common/read-range.ts";
import { type Digest, digestMismatch, hasherFor, shortDigest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { BlobSource } from "../oci/blob-source.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { ContentStore } from "../store/content-store.ts";
import { translateNoSpace } from "../store/no-space.ts";
import { batches } from "./batches.ts";
import { blobFault } from "./layer-check.ts";
import type { LayerConversionQueue } from "./layer-conversion-queue.ts";
import { defaultLimits, type LayerLimits } from "./layer-converter.ts";
import { LayerProgress, type OnProgress } from "./layer-progress.ts";
import { minorGc } from "./minor-gc.ts";

export interface LayerRequest {
  descriptor: Descriptor;
  diffId: Digest;
  /** For messages, e.g. `alpine:latest, layer 2 of 5 (sha256:0123456789ab)`. */
  name: string;
}

interface Flight {
  promise: Promise<void>;
  controller: AbortController;
  waiters: number;
  diffId: Digest;
  progress: LayerProgress;
}

/** Attempts in a row that received no byte. */
const maximumFutileTries = 5;

/** Ingests layers into the store: each is downloaded once and converted in the same pass. */
export class LayerStore {
  readonly #store: ContentStore;
  readonly #conversions: LayerConversionQueue;
  readonly #limits: LayerLimits;
  readonly #flights = new Map<Digest, Flight>();

  constructor(store: ContentStore, conversions: LayerConversionQueue, limits: LayerLimits = defaultLimits) {
    this.#store = store;
    this.#conversions = conversions;
    this.#limits = limits;
  }

  /**
   * Makes sure that the store has the layer's blob, data and index. Callers that want the same layer share
   * one download, which goes on until the last of them gives up.
   */
  async ensure(
    request: LayerRequest,
    source: BlobSource,
    signal: AbortSignal,
    onProgress: OnProgress,
  ): Promise<void> {
    const { digest } = request.descriptor;
    for (;;) {
      signal.throwIfAborted();
      if (this.#store.hasBlob(request.descriptor) && this.#store.hasLayer(request.diffId)) {
        onProgress({ layer: shortDigest(digest), status: "exists" });
        return;
      }
      let flight = this.#flights.get(digest);
      if (flight && (flight.diffId !== request.diffId || flight.controller.signal.aborted)) {
        // Same blob under another diff ID, or a cancelled download: wait for it, then retry.
        await flight.promise.catch(() => {});
        continue;
      }
      flight ??= this.#start(request, source);
      flight.waiters++;
      flight.progress.add(onProgress);
      try {
        await unlessAborted(flight.promise, signal);
        return;
      } finally {
        flight.progress.remove(onProgress);
        if (--flight.waiters === 0 && signal.aborted) flight.controller.abort(signal.reason);
        // The caller goes on only when the cancelled download has closed its files.
        if (signal.aborted && flight.waiters === 0) await flight.promise.catch(() => {});
      }
    }
  }

  #start(request: LayerRequest, source: BlobSource): Flight {
    const controller = new AbortController();
    const progress = new LayerProgress(shortDigest(request.descriptor.digest));
    const promise = this.#ingest(request, source, controller.signal, progress).finally(() => {
      this.#flights.delete(request.descriptor.digest);
    });
    // Waiters get the rejection themselves; it may have none left.
    promise.catch(() => {});
    const flight = { promise, controller, waiters: 0, diffId: request.diffId, progress };
    this.#flights.set(request.descriptor.digest, flight);
    return flight;
  }

  async #ingest(
    request: LayerRequest,
    source: BlobSource,
    signal: AbortSignal,
    progress: LayerProgress,
  ): Promise<void> {
    const { descriptor, diffId } = request;
    if (this.#store.hasBlob(descriptor)) {
      await this.#convertBlob(request, signal, progress);
    } else {
      const partial = this.#store.partialPath(descriptor.digest);
      const resumed = (statSync(partial, { throwIfNoEntry: false })?.size ?? 0) > 0;
      try {
        await this.#download(request, source, signal, progress);
      } catch (error) {
        const code = error instanceof MockerError ? error.code : "";
        // On a full disk the partial download would leave no room for anything else.
        if (code !== "DIGEST_MISMATCH" && code !== "IMAGE_INVALID" && code !== "NO_SPACE") throw error;
        await rm(partial, { force: true });
        // A partial download from before a power cut may be damaged: once more from the beginning.
        if (code !== "DIGEST_MISMATCH" || !resumed || signal.aborted) throw error;
        progress.send("retrying", { message: "the part downloaded earlier is damaged" });
        await this.#download(request, source, signal, progress).catch(async (again: unknown) => {
          if (again instanceof MockerError && again.code === "DIGEST_MISMATCH")
            await rm(partial, { force: true });
          throw again;
        });
      }
    }
    if (!this.#store.hasLayer(diffId))
      throw new MockerError("INTERNAL", `${request.name}: the layer was not stored`);
    progress.send("complete", { currentBytes: descriptor.size, totalBytes: descriptor.size });
  }

  /** Converts a blob that is in the store without its conversion, as after a crash. */
  async #convertBlob(request: LayerRequest, signal: AbortSignal, progress: LayerProgress): Promise<void> {
    const path = this.#store.blobPath(request.descriptor.digest);
    const conversion = this.#conversion(request, path, signal, progress);
    conversion.job.available(request.descriptor.size, true);
    conversion.downloaded();
    try {
      await conversion.job.result;
      conversion.publish();
    } catch (error) {
      // Only a damaged blob is removed: another image may use it under its true diff ID.
      const { descriptor } = request;
      if (
        error instanceof MockerError &&
        error.code === "DIGEST_MISMATCH" &&
        (await blobFault(this.#store, descriptor.digest, descriptor.size, true, signal)) !== undefined
      )
        await rm(path, { force: true });
      throw error;
    } finally {
      await conversion.cleanUp();
    }
  }

  async #download(
    request: LayerRequest,
    source: BlobSource,
    signal: AbortSignal,
    progress: LayerProgress,
  ): Promise<void> {
    const { descriptor, diffId } = request;
    const partial = this.#store.partialPath(descriptor.digest);
    const handle = await open(partial, "a+", 0o600);
    try {
      const convert = !this.#store.hasLayer(diffId);
      const conversion = convert ? this.#conversion(request, partial, signal, progress) : undefined;
      try {
        // The download of a layer that the conversion refused stops.
        const refused = new AbortController();
        const stop = AbortSignal.any([signal, refused.signal]);
        conversion?.job.result.catch((error: unknown) => refused.abort(error));
        try {
          await this.#fill(handle, request, source, stop, progress, (bytes, final) =>
            conversion?.job.available(bytes, final),
          );
        } catch (error) {
          // The conversion's error is the cause, if there is one.
          if (refused.signal.aborted) throw refused.signal.reason;
          throw error;
        }
        progress.send("verifying", { currentBytes: descriptor.size, totalBytes: descriptor.size });
        if (conversion) conversion.downloaded();
        else progress.send("preparing");
        await Promise.all([handle.sync(), conversion?.job.result ?? this.#verify(handle, request)]);
        this.#store.adoptFile(descriptor.digest);
        conversion?.publish();
      } finally {
        await conversion?.cleanUp();
      }
    } finally {
      await handle.close();
    }
  }

  /** Downloads into `handle` until it has the whole blob, over as many connections as that takes. */
  async #fill(
    handle: FileHandle,
    request: LayerRequest,
    source: BlobSource,
    signal: AbortSignal,
    progress: LayerProgress,
    onBytes: (bytes: number, final: boolean) => void,
  ): Promise<void> {
    const { descriptor } = request;
    let length = (await handle.stat()).size;
    if (length > descriptor.size) {
      await handle.truncate(0);
      length = 0;
    }
    const report = (): void => {
      onBytes(length, length === descriptor.size);
      progress.send("downloading", { currentBytes: length, totalBytes: descriptor.size });
    };
    report();
    const onRetry = (message: string): void => progress.send("retrying", { message });
    for (let futile = 0; length < descriptor.size; ) {
      const before = length;
      let cut: unknown;
      const { start, stream } = await source.open(descriptor, length, signal, onRetry);
      const abort = (): void => {
        stream.destroy();
      };
      signal.addEventListener("abort", abort, { once: true });
      try {
        // A server that ignores ranges sends bytes that are stored already.
        let known = length - start;
        for await (const batch of batches(stream)) {
          const fresh: Buffer[] = [];
          for (const chunk of batch) {
            const skipped = Math.min(known, chunk.length);
            known -= skipped;
            if (skipped < chunk.length) fresh.push(chunk.subarray(skipped));
          }
          const bytes = fresh.reduce((sum, chunk) => sum + chunk.length, 0);
          if (length + bytes > descriptor.size)
            throw new MockerError(
              "DIGEST_MISMATCH",
              `${request.name} is larger than the ${descriptor.size} bytes that the manifest says`,
              {
                hint: "The source's contents are damaged or tampered with.",
              },
            );
          if (bytes === 0) continue;
          await writeAll(handle, fresh);
          length += bytes;
          unfreed += bytes;
          if (unfreed > freeEveryBytes) {
            unfreed = 0;
            minorGc();
          }
          report();
        }
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (error instanceof MockerError || code === "ENOSPC" || code === "EDQUOT" || code === "EIO")
          throw translateNoSpace(error);
        cut = error;
      } finally {
        signal.removeEventListener("abort", abort);
        stream.destroy();
      }
      signal.throwIfAborted();
      if (length === descriptor.size) break;
      futile = length > before ? 0 : futile + 1;
      if (!source.resumable)
        throw new MockerError(
          "IMAGE_INVALID",
          `${request.name} has ${length} bytes instead of ${descriptor.size}`,
          { cause: cut },
        );
      if (futile >= maximumFutileTries)
        throw new MockerError(
          "REGISTRY_UNREACHABLE",
          `the download of ${request.name} was cut off at ${length} of ${descriptor.size} bytes`,
          {
            hint: "Pull again: it goes on where it was cut off.",
            cause: cut,
          },
        );
      onRetry("the connection was cut");
      await delay(backoffMs(futile), signal);
    }
  }

  async #verify(handle: FileHandle, request: LayerRequest): Promise<void> {
    const hash = hasherFor(request.descriptor.digest);
    for await (const chunk of readRange(handle, 0, request.descriptor.size)) hash.update(chunk);
    const { digest } = request.descriptor;
    const actual = `${digest.slice(0, digest.indexOf(":"))}:${hash.digest("hex")}`;
    if (actual !== digest) throw digestMismatch(request.name, digest, actual);
  }

  #conversion(request: LayerRequest, blobPath: string, signal: AbortSignal, progress: LayerProgress) {
    const paths = this.#store.layerPaths(request.diffId);
    const base = `${this.#store.ingestDir}/${temporaryName(`layer-${shortDigest(request.diffId)}`)}`;
    const dataPath = `${base}-data`;
    const indexPath = `${base}-index`;
    let convertedBytes = 0;
    let isDownloaded = false;
    const tell = (): void =>
      progress.send("preparing", { currentBytes: convertedBytes, totalBytes: request.descriptor.size });
    const job = this.#conversions.convert(
      {
        op: "convert",
        blobPath,
        digest: request.descriptor.digest,
        diffId: request.diffId,
        dataPath,
        indexPath,
        limits: this.#limits,
        name: request.name,
      },
      (bytes) => {
        convertedBytes = bytes;
        if (isDownloaded) tell();
      },
    );
    job.result.catch(() => {});
    const abort = (): void => job.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    return {
      job,
      /** From here on the conversion is what is waited for. */
      downloaded: (): void => {
        isDownloaded = true;
        tell();
      },
      /** The index comes last, because a layer is there when its index is. */
      publish: (): void => {
        renameSync(dataPath, paths.data);
        renameSync(indexPath, paths.index);
      },
      cleanUp: async (): Promise<void> => {
        signal.removeEventListener("abort", abort);
        job.abort(new MockerError("CANCELLED", "the pull was cancelled"));
        await job.ended;
        await rm(dataPath, { force: true });
        await rm(indexPath, { force: true });
      },
    };
  }
}

/** Bytes downloaded between minor GCs. More often would promote live buffers to the old generation. */
const freeEveryBytes = 4 << 20;
let unfreed = 0;

/** Appends all chunks; the file was opened for that. */
async function writeAll(handle: FileHandle, chunks: Buffer[]): Promise<void> {
  let left = chunks;
  while (left.length > 0) {
    let { bytesWritten } = await handle.writev(left);
    const rest: Buffer[] = [];
    for (const chunk of left) {
      const done = Math.min(bytesWritten, chunk.length);
      bytesWritten -= done;
      if (done < chunk.length) rest.push(chunk.subarray(done));
    }
    left = rest;
  }
}
