import type { PullProgress } from "../../engine/protocol/index.ts";

interface Layer {
  currentBytes: number;
  totalBytes: number;
  done: boolean;
}

/** Adds up what the layers of a pull report. */
export class PullMeter {
  readonly #layers = new Map<string, Layer>();

  report({ layer, status, currentBytes, totalBytes }: PullProgress): void {
    if (layer === "") return;
    const known = this.#layers.get(layer) ?? { currentBytes: 0, totalBytes: 0, done: false };
    if (totalBytes !== undefined && status === "downloading") known.totalBytes = totalBytes;
    if (currentBytes !== undefined && status === "downloading") known.currentBytes = currentBytes;
    if (status === "complete" || status === "exists" || status === "preparing" || status === "verifying") {
      known.currentBytes = known.totalBytes;
    }
    known.done = status === "complete" || status === "exists";
    this.#layers.set(layer, known);
  }

  /** `preparing`: everything is downloaded, something is still being made of it. */
  total(): { currentBytes: number; totalBytes: number; preparing: boolean } {
    let [currentBytes, totalBytes] = [0, 0];
    let done = true;
    for (const layer of this.#layers.values()) {
      currentBytes += layer.currentBytes;
      totalBytes += layer.totalBytes;
      done &&= layer.done;
    }
    return { currentBytes, totalBytes, preparing: totalBytes > 0 && currentBytes >= totalBytes && !done };
  }
}
