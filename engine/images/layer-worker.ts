import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { createGunzip } from "node:zlib";
import { MockerError } from "../protocol/errors.ts";
import { digestMismatch, hasherFor } from "./digest.ts";
import { writeErofs } from "./erofs-writer.ts";
import { LayerConverter, LimitError } from "./layer-converter.ts";
import { readTotals } from "./layer-index.ts";
import type { ConvertJob, ConvertResult, FromWorker, RootJob, RootResult, ToWorker } from "./layer-job.ts";
import { TarError } from "./tar-header.ts";
import { mergeLayers } from "./tree.ts";
import { ZstdDecoder } from "./zstd.ts";

/**
 * The thread that does the heavy work of images, one job at a time: a layer's conversion, following its download, and the
 * merge of an image's layers into a file system.
 */
const port = parentPort;
if (port === null) throw new Error("layer-worker runs as a worker thread");

const readBytes = 256 * 1024;
const inflateBytes = 128 * 1024;

/** How far the blob's file may be read. */
let available = 0;
let complete = false;
let wake: (() => void) | undefined;

port.on("message", (message: ToWorker) => {
  if (message.op === "available") {
    available = message.bytes;
    complete = message.final;
    wake?.();
    wake = undefined;
    return;
  }
  available = 0;
  complete = false;
  const work = message.op === "convert" ? convert(message) : Promise.resolve(message).then(makeRoot);
  work.then(
    (result) => send({ op: "done", result }),
    (error: unknown) => send(failure(error)),
  );
});

function send(message: FromWorker): void {
  port?.postMessage(message);
}

function failure(error: unknown): FromWorker {
  if (error instanceof MockerError) {
    const { code, message, hint, details } = error;
    return { op: "failed", code, message, hint, details };
  }
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT")
    return {
      op: "failed",
      code: "NO_SPACE",
      message: "no space left on device: the disk that holds the images is full",
      hint: "Make room, for instance with: mocker image prune (or mocker rm, mocker rmi).",
      details: undefined,
    };
  return {
    op: "failed",
    code: "INTERNAL",
    message: message ?? String(error),
    hint: undefined,
    details: undefined,
  };
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

async function convert(job: ConvertJob): Promise<ConvertResult> {
  const fd = openSync(job.blobPath, "r");
  let converter: LayerConverter | undefined;
  try {
    converter = new LayerConverter(job.dataPath, job.limits);
    const index = await convertStream(fd, job, converter);
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

async function convertStream(fd: number, job: ConvertJob, converter: LayerConverter): Promise<Buffer[]> {
  const blobHash = hasherFor(job.digest);
  const tarHash = hasherFor(job.diffId);
  let compressedBytes = 0;
  let reported = 0;

  const buffers = [Buffer.allocUnsafeSlow(readBytes), Buffer.allocUnsafeSlow(readBytes)];
  let turn = 0;
  /** Next piece of the blob, hashed; null at its end. A piece stays valid until the one after the next is asked for. */
  const next = async (): Promise<Buffer | null> => {
    while (compressedBytes >= available) {
      if (complete) return null;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const buffer = buffers[turn++ % 2] as Buffer;
    const read = readSync(fd, buffer, 0, Math.min(readBytes, available - compressedBytes), compressedBytes);
    if (read === 0) throw new Error("the downloaded blob became shorter");
    compressedBytes += read;
    const piece = buffer.subarray(0, read);
    blobHash.update(piece);
    if (compressedBytes - reported > 4 << 20) {
      reported = compressedBytes;
      send({ op: "progress", bytes: compressedBytes });
    }
    return piece;
  };
  const take = (tar: Buffer): void => {
    tarHash.update(tar);
    converter.push(tar, compressedBytes);
  };

  let first = await next();
  // Enough for any magic number: a download may begin with a crumb.
  while (first !== null && first.length < 4) {
    const more: Buffer | null = await next();
    if (more === null) break;
    first = Buffer.concat([first, more]);
  }
  const magic = first === null || first.length < 4 ? 0 : first.readUInt32LE(0);
  let failed: unknown;
  try {
    if (first !== null) {
      if ((magic & 0xffff) === 0x8b1f) await inflate(first, next, take);
      else if (magic === 0xfd2fb528 || magic >>> 4 === 0x184d2a5) await decodeZstd(first, next, take);
      else for (let piece: Buffer | null = first; piece !== null; piece = await next()) take(piece);
    }
  } catch (error) {
    failed = error;
  }
  // Refused at once; the rest of a bomb need not come. The engine ends this thread after any failure.
  if (isBomb(failed)) throw failed;
  // Bytes other than those that the manifest names are the better explanation of an archive that makes no sense.
  while ((await next()) !== null);
  const digest = `${job.digest.slice(0, job.digest.indexOf(":"))}:${blobHash.digest("hex")}`;
  if (digest !== job.digest) throw digestMismatch(job.name, job.digest, digest);
  if (failed !== undefined) throw failed;
  const index = converter.finish();
  const diffId = `${job.diffId.slice(0, job.diffId.indexOf(":"))}:${tarHash.digest("hex")}`;
  if (diffId !== job.diffId) throw digestMismatch(`${job.name}, uncompressed`, job.diffId, diffId);
  return index;
}

function isBomb(error: unknown): boolean {
  return error instanceof LimitError;
}

async function inflate(
  first: Buffer,
  next: () => Promise<Buffer | null>,
  take: (tar: Buffer) => void,
): Promise<void> {
  // A readable buffer larger than a chunk lets zlib's thread work on the next chunk while this one hashes the last.
  const gunzip = createGunzip({
    chunkSize: inflateBytes,
    readableHighWaterMark: 2 * inflateBytes,
    writableHighWaterMark: 2 * readBytes,
  } as Parameters<typeof createGunzip>[0]);
  // The iterator below reports errors; one that comes after it has ended must not end the thread.
  gunzip.on("error", () => {});
  const closed = new Promise<void>((resolve) => gunzip.once("close", resolve));
  const write = (piece: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      gunzip.write(piece, (error) => (error ? reject(error) : resolve()));
    });
  const feed = async (): Promise<void> => {
    let piece: Buffer | null = first;
    while (piece !== null && !gunzip.destroyed) {
      // zlib never answers a write of which it wants no more, because garbage follows the gzip data.
      const written: Promise<void> = Promise.race([write(piece), closed]);
      // Read and hash the next piece meanwhile.
      const [following]: [Buffer | null, unknown] = await Promise.all([next(), written]);
      piece = following;
    }
    gunzip.end();
  };
  const fed = feed().catch((error: Error) => {
    gunzip.destroy(error);
  });
  try {
    for await (const chunk of gunzip) take(chunk as Buffer);
  } catch (error) {
    gunzip.destroy();
    if (error instanceof MockerError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith("Z_"))
      throw new TarError(`the gzip data is damaged or cut (${(error as Error).message})`);
    throw error;
  }
  await fed;
}

async function decodeZstd(
  first: Buffer,
  next: () => Promise<Buffer | null>,
  take: (tar: Buffer) => void,
): Promise<void> {
  const decoder = new ZstdDecoder(take);
  for (let piece: Buffer | null = first; piece !== null; piece = await next()) decoder.push(piece);
  decoder.end();
}

function makeRoot(job: RootJob): RootResult {
  const tree = mergeLayers(job.layers);
  return writeErofs(tree, job.metadataPath, job.uuid);
}
