import type { PullProgress } from "../protocol/image.ts";

export type OnProgress = (progress: PullProgress) => void;

const intervalMs = 100;

/** One layer's progress line: each new status goes out at once, byte counts at most ten times a second. */
export class LayerProgress {
  readonly #layer: string;
  readonly #listeners = new Set<OnProgress>();
  #last: PullProgress | undefined;
  #sentAt = 0;

  constructor(layer: string) {
    this.#layer = layer;
  }

  add(listener: OnProgress): void {
    this.#listeners.add(listener);
    if (this.#last) listener(this.#last);
  }

  remove(listener: OnProgress): void {
    this.#listeners.delete(listener);
  }

  send(status: PullProgress["status"], values: Omit<PullProgress, "layer" | "status"> = {}): void {
    const now = Date.now();
    const finished = values.totalBytes !== undefined && values.currentBytes === values.totalBytes;
    if (this.#last?.status === status && !finished && now - this.#sentAt < intervalMs) return;
    this.#sentAt = now;
    this.#last = { layer: this.#layer, status, ...values };
    for (const listener of this.#listeners) listener(this.#last);
  }
}
