/** One line on a terminal that counts bytes, for what takes longer than a second. */

import { humanSize } from "../../docker/sizes.ts";
import type { OutputStream } from "../io.ts";

const patienceMs = 1000;
const redrawMs = 100;

export class ByteProgress {
  readonly #out: OutputStream;
  readonly #startedMs = Date.now();
  #drawnMs = 0;

  constructor(out: OutputStream) {
    this.#out = out;
  }

  show(bytes: number): void {
    const now = Date.now();
    if (this.#out.isTTY !== true || now - this.#startedMs < patienceMs || now - this.#drawnMs < redrawMs)
      return;
    this.#drawnMs = now;
    const seconds = (now - this.#startedMs) / 1000;
    this.#out.write(`\r${humanSize(bytes, 4)}  ${humanSize(bytes / seconds)}/s\u001b[K`);
  }

  /** Leaves the line empty. */
  end(): void {
    if (this.#drawnMs > 0) this.#out.write("\r\u001b[K");
    this.#drawnMs = 0;
  }
}
