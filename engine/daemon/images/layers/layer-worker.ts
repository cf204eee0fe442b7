import { closeSync, openSync, writeSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { BlobReader } from "../../../../native/index.ts";
import { TarError } from "../../../common/tar/tar-header.ts";
import { digestMismatch, splitDigest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { translateNoSpace } from "../store/no-space.ts";
import { decodeFault, zstdWindowLog } from "./decode-fault.ts";
import { LayerConverter, LimitError } from "./layer-converter.ts";
import { readTotals } from "./layer-index.ts";
import type { ConvertJob, ConvertResult, FromWorker, ToWorker } from "./layer-job.ts";
import { minorGc } from "./minor-gc.ts";

/**
 * The thread that converts layers, following their downloads. Conversions go on side by side: their blobs are
 * read, decompressed and hashed in the thread pool, and only what becomes of the tar is done here.
 */
const port = parentPort;
if (port === null) throw new Error("layer-worker runs as a worker thread");

const tarBytes = 512 * 1024;

/** The state of a running conversion. */
interface Progress {
  /** How far the blob's file may be read. */
  available: number;
  complete: boolean;
  aborted: boolean;
  wake: (() => void) | undefined;
}

const running = new Map<number, Progress>();
/** Buffers are kept for the next conversion, because V8 frees them late. */
const buffers: Buffer[] = [];

port.on("message", (message: ToWorker) => {
  if (message.op === "available" || message.op === "abort") {
    const progress = running.get(message.job);
    if (progress === undefined) return;
    if (message.op === "abort") progress.aborted = true;
    else {
      progress.available = message.bytes;
      progress.complete = message.final;
    }
    progress.wake?.();
    progress.wake = undefined;
    return;
  }
  const { job } = message;
  convert(message)
    .then(
      (result) => send({ op: "done", job, result }),
      (error: unknown) => send(failure(job, error)),
    )
    .finally(() => {
      running.delete(job);
      // A finished conversion leaves some MiB of garbage behind.
      minorGc();
    });
});

function send(message: FromWorker): void {
  port?.postMessage(message);
}

function failure(job: number, thrown: unknown): FromWorker {
  const error = translateNoSpace(thrown);
  if (error instanceof MockerError) {
    const { code, message, hint, details } = error;
    return { op: "failed", job, code, message, hint, details };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { op: "failed", job, code: "INTERNAL", message, hint: undefined, details: undefined };
}

/** Puts the layer's name before what is wrong with it. */
function invalid(name: string, error: unknown): unknown {
  if (!(error instanceof TarError)) return error;
  // Names in the archive are binary strings until here.
  return new MockerError(
    "IMAGE_INVALID",
    `${name}: ${Buffer.from(error.message, "latin1").toString("utf8")}`,
    {
      hint: "The image is damaged or hostile; nothing of it was kept.",
      cause: error,
    },
  );
}

async function convert(job: ConvertJob & { job: number }): Promise<ConvertResult> {
  const progress: Progress = { available: 0, complete: false, aborted: false, wake: undefined };
  running.set(job.job, progress);
  const fd = openSync(job.blobPath, "r");
  let converter: LayerConverter | undefined;
  try {
    converter = new LayerConverter(job.dataPath, job.limits);
    const index = await convertStream(fd, job, progress, converter);
    const out = openSync(job.indexPath, "wx", 0o600);
    try {
      for (const piece of index) for (let at = 0; at < piece.length; ) at += writeSync(out, piece, at);
    } finally {
      closeSync(out);
    }
    const totals = readTotals(index[0] ?? Buffer.alloc(0));
    if (totals === null) throw new Error("the layer index just written has no header");
    return totals;
  } catch (error) {
    throw invalid(job.name, error);
  } finally {
    converter?.close();
    closeSync(fd);
  }
}

async function convertStream(
  fd: number,
  job: ConvertJob & { job: number },
  progress: Progress,
  converter: LayerConverter,
): Promise<Buffer[]> {
  const algorithms = { blob: algorithmOf(job.digest), tar: algorithmOf(job.diffId) };
  const reader = new BlobReader(fd, algorithms, zstdWindowLog);
  // One buffer is filled while the other is converted.
  const pair = [takeBuffer(), takeBuffer()] as const;
  let failed: unknown;
  let ahead: Promise<Buffer | null> | undefined;
  try {
    ahead = nextPiece(reader, progress, pair[0]);
    for (let turn = 1; ; turn++) {
      let tar: Buffer | null;
      try {
        tar = await ahead;
      } catch (error) {
        // Also after a failure: what is no fault of the data ends it, or it would never end.
        const fault = decodeFault(error, reader.format);
        failed ??= fault;
        tar = Buffer.alloc(0);
      }
      if (tar === null) break;
      // After a failure the rest is hashed only: bytes other than those that the manifest names are the
      // better explanation of an archive that makes no sense.
      ahead = nextPiece(
        reader,
        progress,
        failed === undefined ? (pair[turn % 2] ?? pair[0]) : Buffer.alloc(0),
      );
      // The failure of the piece ahead is looked at when its turn comes.
      ahead.catch(() => {});
      if (failed === undefined)
        try {
          converter.push(tar, reader.position);
        } catch (error) {
          // Refused at once; the rest of a bomb need not come.
          if (error instanceof LimitError) throw error;
          failed = error;
        }
      if (turn % 16 === 0) send({ op: "progress", job: job.job, bytes: reader.position });
    }
  } finally {
    // The thread pool may still be writing into a buffer.
    await ahead?.catch(() => {});
    buffers.push(...pair);
  }
  send({ op: "progress", job: job.job, bytes: reader.position });
  const { blobDigest, tarDigest, complete } = reader.finish();
  const digest = `${algorithms.blob}:${blobDigest}`;
  if (digest !== job.digest) throw digestMismatch(job.name, job.digest, digest);
  if (failed !== undefined) throw failed;
  if (!complete) throw new TarError(`the ${reader.format} data is cut`);
  const index = converter.finish();
  const diffId = `${algorithms.tar}:${tarDigest}`;
  if (diffId !== job.diffId) throw digestMismatch(`${job.name}, uncompressed`, job.diffId, diffId);
  return index;
}

/** The next piece of the tar, in `output`; null at the end. */
async function nextPiece(reader: BlobReader, progress: Progress, output: Buffer): Promise<Buffer | null> {
  for (;;) {
    if (progress.aborted) throw new MockerError("CANCELLED", "the pull was cancelled");
    const { available, complete } = progress;
    const produced = await reader.read(available, complete, output);
    if (produced > 0) return output.subarray(0, produced);
    if (reader.position < available || progress.aborted || progress.available > available) continue;
    if (complete) return null;
    if (!progress.complete)
      await new Promise<void>((resolve) => {
        progress.wake = resolve;
      });
  }
}

function takeBuffer(): Buffer {
  return buffers.pop() ?? Buffer.allocUnsafeSlow(tarBytes);
}

function algorithmOf(digest: string): "sha256" | "sha512" {
  return splitDigest(digest).algorithm === "sha512" ? "sha512" : "sha256";
}
