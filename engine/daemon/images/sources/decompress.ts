import { type ChildProcessByStdio, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { type BlobFormat, BlobReader } from "../../../../native/index.ts";
import { type Compression, compressionOf, magicBytes } from "../../../common/compression.ts";
import { TarError } from "../../../common/tar/tar-header.ts";
import type { Digest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { decodeFault, zstdWindowLog } from "../layers/decode-fault.ts";
import { spool } from "./spool.ts";

const pieceBytes = 1024 * 1024;

/** How the data in a file is compressed. */
export async function compressionIn(file: FileHandle): Promise<Compression> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(magicBytes), 0, magicBytes, 0);
  return compressionOf(buffer.subarray(0, bytesRead));
}

/**
 * Writes the uncompressed data of a compressed file into a new one, which is left there half written by a
 * failure.
 * @param name what the file is called in messages
 * @throws MockerError IMAGE_INVALID for damaged data; the signal's reason; the system's errors
 */
export async function decompress(
  file: FileHandle,
  compression: Exclude<Compression, "none">,
  name: string,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  if (compression === "bzip2" || compression === "xz") {
    await spool(byProgram(file, compression, name, signal), target, signal);
    return;
  }
  const out = await open(target, "wx", 0o600);
  try {
    await readThrough(file, name, signal, (piece) => out.appendFile(piece));
  } finally {
    await out.close();
  }
}

/**
 * The SHA-256 digests of the data in a file and of that data uncompressed, if it is compressed with gzip or
 * zstd.
 */
export interface BlobDigests {
  digest: Digest;
  diffId: Digest;
  compression: "none" | "gzip" | "zstd";
}

/** Reads the file as that of a layer. Parameters and errors as for {@link decompress}. */
export async function blobDigests(file: FileHandle, name: string, signal: AbortSignal): Promise<BlobDigests> {
  const { blobDigest, tarDigest, format } = await readThrough(file, name, signal, () => undefined);
  return {
    digest: `sha256:${blobDigest}`,
    diffId: `sha256:${tarDigest}`,
    compression: format === "gzip" || format === "zstd" ? format : "none",
  };
}

/** Reads to the end; each piece is only lent. */
async function readThrough(
  file: FileHandle,
  name: string,
  signal: AbortSignal,
  take: (piece: Buffer) => Promise<void> | undefined,
): Promise<{ blobDigest: string; tarDigest: string; format: BlobFormat }> {
  const { size } = await file.stat();
  const reader = new BlobReader(file.fd, { blob: "sha256", tar: "sha256" }, zstdWindowLog);
  const buffer = Buffer.allocUnsafeSlow(pieceBytes);
  for (;;) {
    signal.throwIfAborted();
    let produced: number;
    try {
      produced = await reader.read(size, true, buffer);
    } catch (error) {
      throw invalid(name, decodeFault(error, reader.format));
    }
    if (produced > 0) await take(buffer.subarray(0, produced));
    else if (reader.position >= size) break;
  }
  const { format } = reader;
  const { complete, ...digests } = reader.finish();
  if (!complete) throw invalid(name, new TarError(`the ${format} data is cut`));
  return { ...digests, format };
}

function invalid(name: string, cause: TarError): MockerError {
  return new MockerError("IMAGE_INVALID", `${name} is no valid archive: ${cause.message}`, { cause });
}

/** `xz -9` asks for an eighth of this. */
const limits = { xz: ["--memlimit-decompress=512MiB"], bzip2: [] };

/** Decompresses with the program of that name. dockerd, too, starts `xz`; its bzip2 decoder is its own. */
async function* byProgram(
  file: FileHandle,
  program: "bzip2" | "xz",
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  // The program reads from the file's beginning: other readers of this handle name positions and do not move
  // its offset.
  const stdio: StdioOptions = [file.fd, "pipe", "pipe"];
  const child = spawn(program, ["-d", "-c", ...limits[program]], { stdio, signal }) as ChildProcessByStdio<
    null,
    Readable,
    Readable
  >;
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-500);
  });
  const ended = once(child, "close");
  ended.catch(() => undefined);
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const [code] = (await ended) as [number | null];
    if (code !== 0)
      throw new MockerError("IMAGE_INVALID", `${name} is no valid archive: ${complaint.trim() || program}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new MockerError(
        "FEATURE_UNAVAILABLE",
        `${name} is compressed with ${program}, which is not installed`,
        {
          hint: `Install ${program}, or decompress it first.`,
          cause: error,
        },
      );
    throw error;
  } finally {
    child.kill();
  }
}
