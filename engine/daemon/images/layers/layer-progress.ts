import type { PullProgress } from "../../../protocol/image.ts";

export type OnProgress = (progress: PullProgress) => void;

const intervalMs = 100;

/** One layer's progress line: each new status goes out at once, byte counts at most ten times a second. */
export class LayerProgress {
  readonly #layer: string;
  readonly #listeners = new Set<OnProgress>();
  #last: PullProgress | undefined;
  #sentAt = 0;
  #pending: PullProgress | undefined;
  #timer: NodeJS.Timeout | undefined;

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
    const progress = { layer: this.#layer, status, ...values };
    const finished = values.totalBytes !== undefined && values.currentBytes === values.totalBytes;
    const waitMs = this.#sentAt + intervalMs - Date.now();
    if (this.#last?.status !== status || finished || waitMs <= 0) {
      this.#emit(progress);
      return;
    }
    // Held back, but not dropped: a download that stalls shows how far it came.
    this.#pending = progress;
    this.#timer ??= setTimeout(() => {
      if (this.#pending) this.#emit(this.#pending);
    }, waitMs).unref();
  }

  #emit(progress: PullProgress): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pending = undefined;
    this.#sentAt = Date.now();
    this.#last = progress;
    for (const listener of this.#listeners) listener(progress);
  }
}
