/** One line on a terminal that counts bytes, for what takes longer than a second. */

import { progressBar } from "../../docker/api/transfer-progress.ts";
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

  /** @param whole of which the bytes are a part, and what is done with them: `Extracting` */
  show(bytes: number, whole?: { totalBytes: number; what: string }): void {
    const now = Date.now();
    if (this.#out.isTTY !== true || now - this.#startedMs < patienceMs || now - this.#drawnMs < redrawMs)
      return;
    this.#drawnMs = now;
    const seconds = (now - this.#startedMs) / 1000;
    const text = whole
      ? `${whole.what} ${progressBar(bytes, whole.totalBytes, this.#out.columns || 80)}`
      : `${humanSize(bytes, 4)}  ${humanSize(bytes / seconds)}/s`;
    this.#out.write(`\r${text}\u001b[K`);
  }

  /** Leaves the line empty. */
  end(): void {
    if (this.#drawnMs > 0) this.#out.write("\r\u001b[K");
    this.#drawnMs = 0;
  }
}
