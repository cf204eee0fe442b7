import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";

/** Block size of the data blobs and of the EROFS file systems over them. */
export const dataBlockSize = 4096;

const bufferBytes = 512 * 1024;
const holeBytes = 64 * 1024;
/** From this size on a write by itself is cheaper than a copy. */
const directBytes = 64 * 1024;
const zeros = Buffer.alloc(holeBytes);

/** Small files lie together in packs of this size, apart from the large ones. */
const packBytes = 64 * 1024;
const packGrain = 32;

/**
 * Larger files are not compared with earlier ones: they rarely are the same, and are no longer in the buffer.
 */
const maximumSharedBytes = 128 * 1024;
/** Bounds the memory that a layer of very many files takes. */
const maximumShared = 100_000;

/**
 * Writes a layer's data blob: the contents of its files one after another, each at a multiple of 4 KiB so
 * that EROFS can point at it; files that are the same share them. Longer runs of zeros become holes. Small
 * files share blocks, see {@link small}.
 */
export class DataBlobWriter {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  /** Offset in the blob of the buffer's first byte; always a multiple of the block size. */
  #base = 0;
  #filled = 0;
  readonly #pack = Buffer.alloc(packBytes);
  #packBase = 0;
  /** Full, at first, so that the first small thing reserves room for a pack. */
  #packFilled = packBytes;
  #packed = false;
  /** The file under way is too large to be shared. */
  #large = false;
  /** Fingerprint of a file → where it is. */
  readonly #known = new Map<number, number>();
  #compare: Buffer | undefined;

  constructor(path: string) {
    this.#fd = openSync(path, "wx+", 0o600);
  }

  get length(): number {
    return this.#base + this.#filled;
  }

  write(chunk: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const toBlock = (dataBlockSize - (this.#filled % dataBlockSize)) % dataBlockSize;
      if (this.#large && end - at - toBlock >= directBytes) {
        // Large files need no copy, but for what is in the buffer.
        chunk.copy(this.#buffer, this.#filled, at, at + toBlock);
        this.#filled += toBlock;
        this.#flush();
        at += toBlock;
        const whole = end - at - ((end - at) % dataBlockSize);
        this.#flushBytes(chunk, at, at + whole);
        at += whole;
        continue;
      }
      const step = Math.min(bufferBytes - this.#filled, end - at);
      chunk.copy(this.#buffer, this.#filled, at, at + step);
      this.#filled += step;
      at += step;
      if (this.#filled === bufferBytes) this.#flush();
    }
  }

  /** Appends a hole or zeros. */
  skip(bytes: number): void {
    let left = bytes;
    while (left > 0) {
      if (this.#filled === 0 && left >= bufferBytes) {
        const whole = left - (left % bufferBytes);
        this.#base += whole;
        left -= whole;
        continue;
      }
      const step = Math.min(bufferBytes - this.#filled, left);
      this.#buffer.fill(0, this.#filled, this.#filled + step);
      this.#filled += step;
      left -= step;
      if (this.#filled === bufferBytes) this.#flush();
    }
  }

  /** Fills up to the next block, so that a file of `size` bytes can begin; returns its offset. */
  begin(size: number): number {
    const over = this.#filled % dataBlockSize;
    if (over !== 0) this.skip(dataBlockSize - over);
    this.#large = size >= maximumSharedBytes;
    // A file that may turn out to be known stays in the buffer.
    if (!this.#large && this.#filled + size >= bufferBytes) this.#flush();
    return this.length;
  }

  /**
   * The file that began at `start` is complete. When the blob has the same bytes already, it is taken back.
   * Returns where its bytes are.
   */
  end(start: number): number {
    const size = this.length - start;
    if (size === 0 || size >= maximumSharedBytes || start < this.#base) return start;
    const at = start - this.#base;
    const print = fingerprint(this.#buffer, at, size);
    const other = this.#known.get(print);
    if (other === undefined) {
      if (this.#known.size < maximumShared) this.#known.set(print, start);
      return start;
    }
    if (!this.#same(other, at, size)) return start;
    this.#filled = at;
    return other;
  }

  /**
   * Room for `bytes` (at most a block) that lie within one block, at a multiple of 32, which small things
   * share.
   */
  small(bytes: number): { buffer: Buffer; at: number; offset: number } {
    const left = dataBlockSize - (this.#packFilled % dataBlockSize);
    if (left < bytes) this.#packFilled += left;
    if (this.#packFilled + bytes > packBytes) {
      this.#flushPack();
      this.begin(0);
      this.#flush();
      this.#packBase = this.#base;
      this.#base += packBytes;
      this.#packFilled = 0;
      this.#packed = true;
    }
    const at = this.#packFilled;
    this.#packFilled = Math.ceil((at + bytes) / packGrain) * packGrain;
    return { buffer: this.#pack, at, offset: this.#packBase + at };
  }

  /** Writes the rest; returns the blob's length, a multiple of the block size. */
  finish(): number {
    let length = this.begin(0);
    this.#flush();
    const packEnd = this.#flushPack();
    if (this.#packed && this.#packBase + packBytes === length) length = packEnd;
    // The blob may end in a hole.
    ftruncateSync(this.#fd, length);
    return length;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #flush(): void {
    if (this.#filled > 0) this.#flushBytes(this.#buffer, 0, this.#filled);
    this.#filled = 0;
  }

  /** Writes what small things there are; returns where their last block ends. */
  #flushPack(): number {
    if (!this.#packed) return 0;
    const used = Math.ceil(Math.min(this.#packFilled, packBytes) / dataBlockSize) * dataBlockSize;
    this.#put(this.#pack, 0, used, this.#packBase);
    this.#pack.fill(0);
    return this.#packBase + used;
  }

  /** Whether the blob has at `offset` what the buffer has at `at`. */
  #same(offset: number, at: number, size: number): boolean {
    if (offset >= this.#base) {
      const other = offset - this.#base;
      return (
        other + size <= at && this.#buffer.compare(this.#buffer, other, other + size, at, at + size) === 0
      );
    }
    this.#compare ??= Buffer.allocUnsafeSlow(maximumSharedBytes);
    for (let done = 0; done < size; ) {
      const read = readSync(this.#fd, this.#compare, done, size - done, offset + done);
      if (read === 0) return false;
      done += read;
    }
    return this.#compare.compare(this.#buffer, at, at + size, 0, size) === 0;
  }

  #flushBytes(bytes: Buffer, start: number, end: number): void {
    let from = start;
    for (let at = start; at < end; at += holeBytes) {
      const to = Math.min(at + holeBytes, end);
      if (bytes.compare(zeros, 0, to - at, at, to) !== 0) continue;
      if (at > from) this.#put(bytes, from, at, this.#base + from - start);
      from = to;
    }
    if (end > from) this.#put(bytes, from, end, this.#base + from - start);
    this.#base += end - start;
  }

  #put(bytes: Buffer, start: number, end: number, position: number): void {
    let at = start;
    while (at < end) at += writeSync(this.#fd, bytes, at, end - at, position + (at - start));
  }
}

/** A hash of the size and some of the bytes; files with the same one are then compared. */
function fingerprint(bytes: Buffer, at: number, size: number): number {
  let hash = size;
  const step = Math.max(4, Math.floor(size / 16));
  for (let i = 0; i + 4 <= size; i += step) {
    hash = Math.imul(hash ^ bytes.readInt32LE(at + i), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
