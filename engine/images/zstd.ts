import { Decompress } from "fzstd";
import { TarError } from "./tar-header.ts";

/** RFC 8878 recommends that decoders support at least 8 MiB; `zstd` itself refuses more than 128 MiB by default. */
const maximumWindowBytes = 128 * 2 ** 20;

/**
 * A streaming zstd decoder over fzstd. It follows the frames (RFC 8878, section 3.1) before fzstd sees them: fzstd would
 * allocate any window up to 2 GiB that a hostile frame asks for, and does not know skippable frames.
 */
export class ZstdDecoder {
  readonly #onData: (chunk: Buffer) => void;
  #decoder: Decompress | undefined;
  /** Bytes of a header that is not complete yet. */
  #head = Buffer.alloc(0);
  #state: "frame" | "block" | "skip" | "body" | "checksum" = "frame";
  #left = 0;
  #lastBlock = false;
  #checksum = false;

  constructor(onData: (chunk: Buffer) => void) {
    this.#onData = onData;
  }

  push(chunk: Buffer): void {
    let bytes = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    this.#head = Buffer.alloc(0);
    while (bytes.length > 0) {
      const used = this.#step(bytes);
      if (used === 0) {
        this.#head = Buffer.from(bytes);
        return;
      }
      bytes = bytes.subarray(used);
    }
  }

  end(): void {
    if (this.#state !== "frame" || this.#head.length > 0) throw new TarError("the zstd data is cut");
  }

  #step(b: Buffer): number {
    switch (this.#state) {
      case "frame":
        return this.#frameHeader(b);
      case "block": {
        if (b.length < 3) return 0;
        const header = b.readUIntLE(0, 3);
        this.#lastBlock = (header & 1) === 1;
        const type = (header >> 1) & 3;
        if (type === 3) throw new TarError("the zstd data is damaged");
        // An RLE block stores one byte, whatever its length.
        this.#left = type === 1 ? 1 : header >> 3;
        if (header >> 3 > 128 * 1024) throw new TarError("the zstd data is damaged");
        this.#state = "body";
        this.#decode(b.subarray(0, 3));
        if (this.#left === 0) this.#endBlock();
        return 3;
      }
      case "checksum":
      case "skip":
      case "body": {
        const step = Math.min(this.#left, b.length);
        if (this.#state !== "skip") this.#decode(b.subarray(0, step));
        this.#left -= step;
        if (this.#left === 0) {
          if (this.#state === "body") this.#endBlock();
          else this.#endFrame();
        }
        return step;
      }
    }
  }

  #frameHeader(b: Buffer): number {
    if (b.length < 8) return 0;
    const magic = b.readUInt32LE(0);
    if (magic >>> 4 === 0x184d2a5) {
      this.#left = b.readUInt32LE(4);
      this.#state = this.#left === 0 ? "frame" : "skip";
      return 8;
    }
    if (magic !== 0xfd2fb528) throw new TarError("the zstd data is damaged");
    const descriptor = b.readUInt8(4);
    const singleSegment = (descriptor & 0x20) !== 0;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
    const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
    const length = 5 + (singleSegment ? 0 : 1) + dictionaryBytes + sizeBytes;
    if (b.length < length) return 0;
    let window: number;
    if (singleSegment) {
      const at = 5 + dictionaryBytes;
      window =
        sizeBytes === 1
          ? b.readUInt8(at)
          : sizeBytes === 2
            ? b.readUInt16LE(at) + 256
            : sizeBytes === 4
              ? b.readUInt32LE(at)
              : Number(b.readBigUInt64LE(at));
    } else {
      const code = b.readUInt8(5);
      const base = 2 ** (10 + (code >> 3));
      window = base + (base / 8) * (code & 7);
    }
    if (window > maximumWindowBytes)
      throw new TarError(
        `the zstd data needs a window of ${window} bytes; at most ${maximumWindowBytes} are allowed`,
      );
    this.#checksum = (descriptor & 4) !== 0;
    this.#decoder = new Decompress((data) => {
      if (data.length > 0) this.#onData(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    });
    this.#state = "block";
    this.#decode(b.subarray(0, length));
    return length;
  }

  #endBlock(): void {
    if (!this.#lastBlock) this.#state = "block";
    else if (this.#checksum) {
      // The digest of the whole covers it.
      this.#left = 4;
      this.#state = "checksum";
    } else this.#endFrame();
  }

  #endFrame(): void {
    // fzstd holds back frames of fewer than 18 bytes until it is told that no more comes.
    if (this.#state !== "skip") this.#decode(Buffer.alloc(0), true);
    this.#decoder = undefined;
    this.#state = "frame";
  }

  #decode(bytes: Buffer, final = false): void {
    try {
      // A copy, because fzstd keeps what it cannot use yet and the caller's buffer is only lent.
      this.#decoder?.push(Buffer.from(bytes), final);
    } catch (error) {
      if (error instanceof TarError) throw error;
      throw new TarError("the zstd data is damaged");
    }
  }
}
