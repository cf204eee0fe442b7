/**
 * Bytes of a terminal as text, chunk by chunk: a character may be cut anywhere between two chunks.
 * A byte-order mark is passed on, bytes that are no UTF-8 become U+FFFD.
 */
export class Utf8Stream {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #atStart: boolean;

  /**
   * `cut`: the bytes begin somewhere inside a longer output, perhaps inside a character, whose rest is
   * dropped.
   */
  constructor(cut = false) {
    this.#atStart = cut;
  }

  push(bytes: Uint8Array): string {
    let start = 0;
    if (this.#atStart && bytes.length > 0) {
      this.#atStart = false;
      while (start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++;
    }
    return this.#decoder.decode(start === 0 ? bytes : bytes.subarray(start), { stream: true });
  }
}
