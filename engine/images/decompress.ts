import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { MockerError } from "../protocol/errors.ts";
import { TarError } from "./tar-header.ts";
import { ZstdDecoder } from "./zstd.ts";

export type Compression = "none" | "gzip" | "zstd" | "bzip2" | "xz";

/** As many bytes as {@link compressionOf} wants to see. */
export const magicBytes = 6;

/** How data is compressed, by its first bytes: the formats that Docker takes. */
export function compressionOf(head: Uint8Array): Compression {
  const hex = Buffer.from(head.subarray(0, magicBytes)).toString("hex");
  if (hex.startsWith("1f8b")) return "gzip";
  if (hex.startsWith("28b52ffd") || /^5.2a4d18/.test(hex)) return "zstd";
  if (hex.startsWith("425a68")) return "bzip2";
  return hex.startsWith("fd377a585a00") ? "xz" : "none";
}

/** Puts the first bytes back before the others; `null` if there are none. */
export async function peek(
  chunks: AsyncIterable<Buffer>,
): Promise<{ head: Buffer; whole: AsyncGenerator<Buffer> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < magicBytes) {
    const { value, done } = await iterator.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    try {
      if (head.length > 0) yield head;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head, whole: whole() };
}

/** The data uncompressed. Throws IMAGE_INVALID naming `what` for damaged data. */
export async function* decompressed(
  chunks: AsyncIterable<Buffer>,
  compression: Compression,
  what: string,
): AsyncGenerator<Buffer> {
  try {
    if (compression === "none") yield* chunks;
    else if (compression === "gzip") yield* gunzip(chunks);
    else if (compression === "zstd") yield* unzstd(chunks);
    else yield* byProgram(chunks, compression, what);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof TarError) && !code?.startsWith("Z_")) throw error;
    throw new MockerError("IMAGE_INVALID", `${what} is no valid archive: ${message}`, { cause: error });
  }
}

async function* gunzip(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  const input = Readable.from(chunks, { objectMode: false });
  input.on("error", (error) => gunzip.destroy(error));
  input.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } finally {
    input.destroy();
    gunzip.destroy();
  }
}

async function* unzstd(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let ready: Buffer[] = [];
  const decoder = new ZstdDecoder((chunk) => ready.push(Buffer.from(chunk)));
  for await (const chunk of chunks) {
    decoder.push(chunk);
    yield* ready;
    ready = [];
  }
  decoder.end();
  yield* ready;
}

/** As dockerd, which has no decoder of its own for these either. */
async function* byProgram(
  chunks: AsyncIterable<Buffer>,
  program: "bzip2" | "xz",
  what: string,
): AsyncGenerator<Buffer> {
  const child = spawn(program, ["-d", "-c"], { stdio: ["pipe", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-500);
  });
  const ended = once(child, "close");
  ended.catch(() => undefined);
  const input = Readable.from(chunks, { objectMode: false });
  input.on("error", (error) => child.stdout.destroy(error));
  // It may end before it has read all.
  child.stdin.on("error", () => undefined);
  input.pipe(child.stdin);
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const [code] = (await ended) as [number | null];
    if (code !== 0)
      throw new MockerError("IMAGE_INVALID", `${what} is no valid archive: ${complaint.trim() || program}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new MockerError(
        "FEATURE_UNAVAILABLE",
        `${what} is compressed with ${program}, which is not installed`,
        {
          hint: `Install ${program}, or decompress it first.`,
          cause: error,
        },
      );
    throw error;
  } finally {
    input.destroy();
    child.kill();
  }
}
