import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { MockerError } from "../protocol/errors.ts";
import type {
  ConvertJob,
  ConvertResult,
  FromWorker,
  RootJob,
  RootResult,
  ToWorker,
  WorkerJob,
} from "./layer-job.ts";

/** A job given to the pool. */
export interface PoolJob<Result> {
  readonly result: Promise<Result>;
  /** See {@link ToWorker}. */
  available(bytes: number, final: boolean): void;
  /** Ends the job and its thread; `result` rejects with `reason`. */
  abort(reason: unknown): void;
}

interface Waiting {
  job: WorkerJob;
  onProgress: ((bytes: number) => void) | undefined;
  resolve: (result: ConvertResult | RootResult) => void;
  reject: (reason: unknown) => void;
  bytes: number;
  final: boolean;
  settled: boolean;
  worker: Worker | undefined;
}

/** Threads are kept for the next layer, but not for the next image: each costs some MiB. */
const idleMs = 2_000;

/** JavaScript heap of a thread; an image with more entries than fit is refused, and the engine lives on. */
const heapMiB = 2_048;

/** Small, so that the buffers that zlib leaves behind are freed soon: V8 looks at them only when this is full. */
const youngMiB = 2;

/** The threads that convert layers; at most `size` work at once. */
export class LayerPool {
  readonly #size: number;
  readonly #script: string;
  readonly #queue: Waiting[] = [];
  readonly #idle = new Map<Worker, NodeJS.Timeout>();
  #running = 0;

  constructor(size = 2) {
    this.#size = size;
    this.#script = process.env.MOCKER_LAYER_WORKER || join(__dirname, "layer-worker.js");
  }

  convert(job: ConvertJob, onProgress?: (bytes: number) => void): PoolJob<ConvertResult> {
    return this.#submit<ConvertResult>(job, onProgress);
  }

  root(job: RootJob): PoolJob<RootResult> {
    return this.#submit<RootResult>(job, undefined);
  }

  #submit<Result extends ConvertResult | RootResult>(
    job: WorkerJob,
    onProgress: ((bytes: number) => void) | undefined,
  ): PoolJob<Result> {
    let waiting: Waiting | undefined;
    const result = new Promise<ConvertResult | RootResult>((resolve, reject) => {
      waiting = {
        job,
        onProgress,
        resolve,
        reject,
        bytes: 0,
        final: false,
        settled: false,
        worker: undefined,
      };
    });
    const item = waiting as unknown as Waiting;
    this.#queue.push(item);
    this.#next();
    return {
      result: result as Promise<Result>,
      available: (bytes, final) => {
        item.bytes = bytes;
        item.final = final;
        item.worker?.postMessage({ op: "available", bytes, final } satisfies ToWorker);
      },
      abort: (reason) => {
        const queued = this.#queue.indexOf(item);
        if (queued >= 0) this.#queue.splice(queued, 1);
        if (item.worker) this.#finish(item, false);
        if (!item.settled) {
          item.settled = true;
          item.reject(reason);
        }
      },
    };
  }

  #next(): void {
    while (this.#running < this.#size) {
      const item = this.#queue.shift();
      if (!item) return;
      this.#running++;
      const [reused] = this.#idle.keys();
      if (reused) {
        clearTimeout(this.#idle.get(reused));
        this.#idle.delete(reused);
        reused.ref();
      }
      const worker =
        reused ??
        new Worker(this.#script, {
          stderr: false,
          resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: youngMiB },
        });
      item.worker = worker;
      worker.removeAllListeners();
      worker.on("message", (message: FromWorker) => this.#message(item, message));
      worker.on("error", (error) => this.#crashed(item, error));
      worker.on("exit", () => this.#crashed(item, new Error("the thread ended")));
      worker.postMessage(item.job satisfies ToWorker);
      if (item.bytes > 0 || item.final)
        worker.postMessage({ op: "available", bytes: item.bytes, final: item.final } satisfies ToWorker);
    }
  }

  #message(item: Waiting, message: FromWorker): void {
    if (item.settled) return;
    if (message.op === "progress") {
      item.onProgress?.(message.bytes);
      return;
    }
    item.settled = true;
    this.#finish(item, message.op === "done");
    if (message.op === "done") item.resolve(message.result);
    else
      item.reject(
        new MockerError(message.code, message.message, { hint: message.hint, details: message.details }),
      );
  }

  #crashed(item: Waiting, error: Error): void {
    if (item.settled) return;
    item.settled = true;
    this.#finish(item, false);
    item.reject(
      (error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY"
        ? new MockerError(
            "IMAGE_INVALID",
            "the image has too many files to be prepared in the memory allowed for it",
          )
        : new MockerError("INTERNAL", `the thread that prepares layers failed: ${error.message}`, {
            cause: error,
          }),
    );
  }

  #finish(item: Waiting, reusable: boolean): void {
    const { worker } = item;
    item.worker = undefined;
    if (!worker) return;
    this.#running--;
    worker.removeAllListeners();
    worker.on("error", () => {});
    if (reusable) {
      worker.unref();
      this.#idle.set(
        worker,
        setTimeout(() => {
          this.#idle.delete(worker);
          void worker.terminate();
        }, idleMs).unref(),
      );
    } else void worker.terminate();
    this.#next();
  }
}
