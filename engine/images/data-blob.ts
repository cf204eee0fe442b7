import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";

/** Block size of the data blobs and of the EROFS file systems over them. */
export const dataBlockSize = 4096;

const bufferBytes = 1 << 20;
const holeBytes = 64 * 1024;
const zeros = Buffer.alloc(holeBytes);

/**
 * Writes a layer's data blob: the contents of its files one after another, each at a multiple of 4 KiB so that EROFS
 * can point at it. Longer runs of zeros become holes.
 */
export class DataBlobWriter {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  /** Offset in the blob of the buffer's first byte; always a multiple of the block size. */
  #base = 0;
  #filled = 0;

  constructor(path: string) {
    this.#fd = openSync(path, "wx", 0o600);
  }

  get length(): number {
    return this.#base + this.#filled;
  }

  write(chunk: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#filled === 0 && end - at >= bufferBytes) {
        // Large files need no copy.
        this.#flushBytes(chunk, at, at + bufferBytes);
        at += bufferBytes;
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

  /** Fills up to the next block, so that the next file can begin; returns its offset. */
  align(): number {
    const over = this.#filled % dataBlockSize;
    if (over !== 0) this.skip(dataBlockSize - over);
    return this.length;
  }

  /** Writes the rest; returns the blob's length, a multiple of the block size. */
  finish(): number {
    const length = this.align();
    this.#flush();
    // Ends in a hole, perhaps.
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

  #flushBytes(bytes: Buffer, start: number, end: number): void {
    let from = start;
    for (let at = start; at < end; at += holeBytes) {
      const to = Math.min(at + holeBytes, end);
      if (bytes.compare(zeros, 0, to - at, at, to) !== 0) continue;
      if (at > from) this.#put(bytes, from, at, from - start);
      from = to;
    }
    if (end > from) this.#put(bytes, from, end, from - start);
    this.#base += end - start;
  }

  #put(bytes: Buffer, start: number, end: number, offset: number): void {
    let at = start;
    while (at < end) at += writeSync(this.#fd, bytes, at, end - at, this.#base + offset + (at - start));
  }
}
