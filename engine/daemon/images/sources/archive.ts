import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { temporaryName } from "../../../common/atomic-file.ts";
import { readRange } from "../../../common/read-range.ts";
import { TarError } from "../../../common/tar/tar-header.ts";
import { cleanPath, type TarEntry, TarReader } from "../../../common/tar/tar-reader.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { compressionIn, decompress } from "./decompress.ts";
import { spool } from "./spool.ts";

interface Member {
  offset: number;
  size: number;
}

/** Far more members than real archives of images have. */
const maximumMembers = 100_000;

/** A tar archive on disk whose members are read where they lie. */
export class Archive {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #temporary: string | undefined;
  readonly #members: Map<string, Member>;

  private constructor(
    handle: FileHandle,
    path: string,
    temporary: string | undefined,
    members: Map<string, Member>,
  ) {
    this.#handle = handle;
    this.#path = path;
    this.#temporary = temporary;
    this.#members = members;
  }

  /** Opens a tar archive; a compressed one is unpacked into `temporaryDirectory` until {@link close}. */
  static async open(path: string, temporaryDirectory: string, signal: AbortSignal): Promise<Archive> {
    let handle: FileHandle;
    try {
      handle = await open(path, "r");
    } catch (error) {
      throw new MockerError(
        "INVALID_ARGUMENT",
        `cannot read the archive ${path}: ${(error as Error).message}`,
        {
          hint: "Check the path.",
          cause: error,
        },
      );
    }
    return await Archive.#take(handle, path, undefined, temporaryDirectory, signal);
  }

  /**
   * Like {@link open}, for an archive that comes as a stream: it is kept in `temporaryDirectory` until {@link
   * close}.
   */
  static async receive(
    chunks: AsyncIterable<Buffer>,
    name: string,
    temporaryDirectory: string,
    signal: AbortSignal,
  ): Promise<Archive> {
    const received = join(temporaryDirectory, temporaryName("archive"));
    let handle: FileHandle;
    try {
      await spool(chunks, received, signal);
      handle = await open(received, "r");
    } catch (error) {
      await rm(received, { force: true });
      throw error;
    }
    return await Archive.#take(handle, name, received, temporaryDirectory, signal);
  }

  /**
   * The handle, and the file if it was `received`, are the archive's to close and remove, also after a
   * failure.
   */
  static async #take(
    file: FileHandle,
    name: string,
    received: string | undefined,
    temporaryDirectory: string,
    signal: AbortSignal,
  ): Promise<Archive> {
    let handle = file;
    let temporary = received;
    try {
      const compression = await compressionIn(handle);
      if (compression !== "none") {
        const unpacked = join(temporaryDirectory, temporaryName("archive"));
        try {
          await decompress(handle, compression, name, unpacked, signal);
        } finally {
          if (received) await rm(received, { force: true });
          temporary = unpacked;
        }
        await handle.close();
        handle = await open(unpacked, "r");
      }
      return new Archive(handle, name, temporary, await list(handle, signal));
    } catch (error) {
      await handle.close().catch(() => {});
      if (temporary) await rm(temporary, { force: true });
      if (error instanceof TarError)
        throw new MockerError("IMAGE_INVALID", `${name} is no valid archive: ${error.message}`, {
          cause: error,
        });
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
    if (this.#temporary) await rm(this.#temporary, { force: true });
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  /** A small member as a whole. Throws IMAGE_INVALID if it is missing or larger than `limit`. */
  async read(name: string, limit: number): Promise<Buffer> {
    const { offset, size } = this.member(name);
    if (size > limit)
      throw new MockerError(
        "IMAGE_INVALID",
        `${this.#path}: "${name}" has ${size} bytes; at most ${limit} are allowed`,
      );
    const bytes = Buffer.alloc(size);
    for (let at = 0; at < size; ) {
      const { bytesRead } = await this.#handle.read(bytes, at, size - at, offset + at);
      if (bytesRead === 0) throw new MockerError("IMAGE_INVALID", `${this.#path} is cut`);
      at += bytesRead;
    }
    return bytes;
  }

  /** The first bytes of a member, at most `length`. */
  async head(name: string, length: number): Promise<Buffer> {
    const { offset, size } = this.member(name);
    const { buffer, bytesRead } = await this.#handle.read(
      Buffer.alloc(Math.min(length, size)),
      0,
      Math.min(length, size),
      offset,
    );
    return buffer.subarray(0, bytesRead);
  }

  /** The member from byte `from` on. */
  stream(name: string, from: number): Readable {
    const { offset, size } = this.member(name);
    return Readable.from(readRange(this.#handle, offset + from, offset + size), { objectMode: false });
  }

  member(name: string): Member {
    const member = this.#members.get(name);
    if (!member) throw new MockerError("IMAGE_INVALID", `${this.#path}: "${name}" is missing`);
    return member;
  }
}

async function list(handle: FileHandle, signal: AbortSignal): Promise<Map<string, Member>> {
  const members = new Map<string, Member>();
  const links = new Map<string, string>();
  const end = (await handle.stat()).size;
  let position = 0;
  const reader = new TarReader({
    entry(entry: TarEntry) {
      const name = cleanPath(entry.name);
      if (members.size + links.size > maximumMembers)
        throw new TarError(`it has more than ${maximumMembers} members`);
      if (entry.kind === "file" && entry.segments === undefined) {
        if (position + entry.size > end) throw new TarError("it is cut");
        members.set(name, { offset: position, size: entry.size });
      } else if (entry.kind === "symlink") {
        // Old versions of `docker save` link layers that occur twice.
        links.set(name, cleanPath(`${name}/../${entry.linkName}`));
      } else if (entry.kind === "hardlink") links.set(name, cleanPath(entry.linkName));
    },
    data() {},
    endEntry() {},
  });
  const block = Buffer.alloc(512);
  while (position < end && !reader.ended) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(block, 0, 512, position);
    if (bytesRead < 512) throw new TarError("it is cut");
    position += 512;
    reader.push(block);
    position += reader.skip();
  }
  reader.end();
  for (const [name, target] of links) {
    const member = members.get(target);
    if (member) members.set(name, member);
  }
  return members;
}
