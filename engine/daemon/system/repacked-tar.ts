import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { compressionOf, magicBytes } from "../../common/compression.ts";
import { TarError } from "../../common/tar/tar-header.ts";
import {
  cleanPath,
  type Segment,
  type TarEntry,
  type TarEntryKind,
  TarReader,
} from "../../common/tar/tar-reader.ts";
import { type TarType, tarEnd, tarHeader, tarPadding, tarType } from "../../common/tar/tar-writer.ts";
import { MockerError } from "../../protocol/errors.ts";

const types: Readonly<Record<TarEntryKind, TarType>> = {
  file: tarType.file,
  directory: tarType.directory,
  symlink: tarType.symlink,
  hardlink: tarType.hardlink,
  "character-device": tarType.characterDevice,
  "block-device": tarType.blockDevice,
  fifo: tarType.fifo,
};

const zeros = Buffer.alloc(256 * 1024);

export interface RepackOptions {
  /** The one thing that the archive has gets another name. */
  rename?: { from: string; to: string } | undefined;
  /** All of it belongs to somebody else than the archive says. */
  owner?: { uid: number; gid: number } | undefined;
}

/**
 * An archive as the guest agent takes it: whatever kind of tar it was, with its names clean and its sparse
 * files whole.
 * @throws INVALID_ARGUMENT for what is no archive
 */
export async function* repackedTar(
  archive: AsyncIterable<Buffer>,
  options: RepackOptions = {},
): AsyncGenerator<Buffer> {
  const repacker = new Repacker(options);
  try {
    for await (const chunk of uncompressed(archive)) yield* repacker.push(chunk);
    yield* repacker.end();
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
    throw new MockerError("INVALID_ARGUMENT", `the archive cannot be read: ${error.message}`, {
      hint: "Give a tar archive, as it is or compressed with gzip.",
      cause: error,
    });
  }
}

/** Parses one archive and makes another of it. What it gives out is good until its next call. */
class Repacker {
  readonly #rename: { from: string; to: string } | undefined;
  readonly #owner: RepackOptions["owner"];
  readonly #reader: TarReader;
  #ready: (Buffer | number)[] = [];
  /** Of the file under way: how much of it was written, and where the stored bytes belong. */
  #written = 0;
  #entry: TarEntry | undefined;
  #segments: Segment[] = [];

  constructor({ rename, owner }: RepackOptions) {
    this.#owner = owner;
    this.#rename = rename && {
      from: Buffer.from(rename.from).toString("latin1"),
      to: Buffer.from(rename.to).toString("latin1"),
    };
    this.#reader = new TarReader({
      entry: (entry) => this.#begin(entry),
      data: (chunk, start, end) => this.#data(chunk, start, end),
      endEntry: () => this.#finish(),
    });
  }

  *push(chunk: Buffer): Generator<Buffer> {
    this.#reader.push(chunk);
    yield* this.#flush();
  }

  *end(): Generator<Buffer> {
    this.#reader.end();
    if (!this.#reader.sawHeader && !this.#reader.ended) throw new TarError("unexpected EOF");
    yield* this.#flush();
    yield tarEnd;
  }

  #begin(entry: TarEntry): void {
    const name = this.#nameOf(entry.name);
    const size = entry.kind === "file" ? entry.size : 0;
    const { kind, xattrs, linkName, segments, ...rest } = entry;
    this.#ready.push(
      tarHeader({
        ...rest,
        ...this.#owner,
        name: kind === "directory" ? `${name}/` : name,
        type: types[kind],
        size,
        xattrs,
        linkName: kind === "hardlink" ? this.#nameOf(linkName) : linkName,
      }),
    );
    this.#written = 0;
    this.#segments = segments === undefined ? [{ offset: 0, length: size }] : [...segments];
    this.#entry = { ...entry, size };
    if (size === 0 && segments === undefined) this.#segments = [];
  }

  /** Clean, and not outside of the archive; the root is `.`. */
  #nameOf(name: string): string {
    const clean = cleanPath(name) || ".";
    const { from, to } = this.#rename ?? {};
    if (from === undefined || to === undefined) return clean;
    if (from === ".") return clean === "." ? to : `${to}/${clean}`;
    if (clean === from) return to;
    if (clean.startsWith(`${from}/`)) return `${to}${clean.slice(from.length)}`;
    throw new TarError(`"${name}" is not what was to be copied`);
  }

  #data(chunk: Buffer, start: number, end: number): void {
    for (let at = start; at < end; ) {
      const [segment] = this.#segments;
      if (!segment) return;
      if (segment.length === 0) {
        this.#segments.shift();
        continue;
      }
      this.#fillTo(segment.offset);
      const step = Math.min(end - at, segment.length);
      this.#ready.push(chunk.subarray(at, at + step));
      this.#written += step;
      this.#segments[0] = { offset: segment.offset + step, length: segment.length - step };
      at += step;
    }
  }

  /** A hole of a sparse file is read as zeros. */
  #fillTo(offset: number): void {
    if (offset > this.#written) this.#ready.push(offset - this.#written);
    this.#written = Math.max(this.#written, offset);
  }

  #finish(): void {
    const size = this.#entry?.size ?? 0;
    this.#entry = undefined;
    this.#fillTo(size);
    const padding = tarPadding(size);
    if (padding > 0) this.#ready.push(padding);
  }

  /** A number stands for so many zeros. */
  *#flush(): Generator<Buffer> {
    const ready = this.#ready;
    this.#ready = [];
    for (const piece of ready) {
      if (typeof piece !== "number") {
        yield piece;
        continue;
      }
      for (let left = piece; left > 0; left -= zeros.length) yield zeros.subarray(0, left);
    }
  }
}

/** As Docker does with what comes on its standard input. */
async function* uncompressed(archive: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = archive[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  try {
    while (head.length < magicBytes) {
      const next = await chunks.next();
      if (next.done) break;
      head = Buffer.concat([head, next.value]);
    }
    const whole = rest(head, chunks);
    const compression = compressionOf(head);
    if (compression === "none") yield* whole;
    else if (compression === "gzip") yield* gunzipped(whole);
    else
      throw new MockerError(
        "FEATURE_UNAVAILABLE",
        `an archive that is compressed with ${compression} cannot be copied`,
        {
          hint: `Decompress it first: ${compression} -d -c FILE | mocker cp - VM:DIRECTORY`,
        },
      );
  } finally {
    await chunks.return?.();
  }
}

async function* rest(head: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
}

async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const source = Readable.from(chunks, { objectMode: true });
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  source.on("error", (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith("Z_") === true) throw new TarError((error as Error).message);
    throw error;
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}
