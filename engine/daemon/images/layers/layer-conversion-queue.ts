import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { MockerError } from "../../../protocol/errors.ts";
import type { ConvertJob, ConvertResult, FromWorker, ToWorker } from "./layer-job.ts";

/** A conversion in the queue or under way. */
export interface ConversionJob {
  readonly result: Promise<ConvertResult>;
  /** Resolves when the conversion touches no file any more, whether it succeeded or not. */
  readonly ended: Promise<void>;
  /** See {@link ToWorker}. */
  available(bytes: number, final: boolean): void;
  /** Ends the job; `result` rejects with `reason`. */
  abort(reason: unknown): void;
}

interface Waiting {
  number: number;
  job: ConvertJob;
  onProgress: ((bytes: number) => void) | undefined;
  resolve: (result: ConvertResult) => void;
  reject: (reason: unknown) => void;
  end: () => void;
  bytes: number;
  final: boolean;
  /** The `bytes` that the thread was told of last. */
  told: number;
}

/** Fewer new bytes than this are not worth a message to the thread. */
const tellBytes = 256 * 1024;

/** The thread is kept for the next image, but not for long: it costs some MiB. */
const idleMs = 2_000;

/** JavaScript heap of the thread; an image with more entries than fit is refused, and the engine lives on. */
const heapMiB = 2_048;

/** Small, because nearly all that a conversion makes is garbage at once. */
const youngMiB = 2;

/** The queue before the thread that converts layers, in which at most `size` conversions are under way. */
export class LayerConversionQueue {
  readonly #size: number;
  readonly #script: string;
  readonly #queue: Waiting[] = [];
  readonly #running = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #next = 0;

  constructor(size = 4) {
    this.#size = size;
    this.#script = process.env.MOCKER_LAYER_WORKER || join(__dirname, "layer-worker.js");
  }

  convert(job: ConvertJob, onProgress?: (bytes: number) => void): ConversionJob {
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const item: Waiting = {
      number: this.#next++,
      job,
      onProgress,
      resolve: () => {},
      reject: () => {},
      end,
      bytes: 0,
      final: false,
      told: 0,
    };
    const result = new Promise<ConvertResult>((resolve, reject) => {
      item.resolve = resolve;
      item.reject = reject;
    });
    this.#queue.push(item);
    this.#start();
    return {
      result,
      ended,
      available: (bytes, final) => {
        item.bytes = bytes;
        item.final = final;
        if (!this.#running.has(item.number) || (!final && bytes - item.told < tellBytes)) return;
        item.told = bytes;
        this.#post({ op: "available", job: item.number, bytes, final });
      },
      abort: (reason) => {
        item.reject(reason);
        const queued = this.#queue.indexOf(item);
        if (queued >= 0) {
          this.#queue.splice(queued, 1);
          item.end();
        } else if (this.#running.has(item.number)) this.#post({ op: "abort", job: item.number });
      },
    };
  }

  #post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #start(): void {
    while (this.#running.size < this.#size) {
      const item = this.#queue.shift();
      if (!item) return;
      this.#running.set(item.number, item);
      clearTimeout(this.#idle);
      this.#worker ??= this.#makeWorker();
      this.#worker.ref();
      this.#post({ ...item.job, job: item.number });
      item.told = item.bytes;
      if (item.bytes > 0 || item.final)
        this.#post({ op: "available", job: item.number, bytes: item.bytes, final: item.final });
    }
  }

  #makeWorker(): Worker {
    const worker = new Worker(this.#script, {
      stderr: false,
      resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: youngMiB },
    });
    worker.on("message", (message: FromWorker) => this.#message(message));
    worker.on("error", (error) => this.#crashed(worker, error));
    worker.on("exit", () => this.#crashed(worker, new Error("the thread ended")));
    return worker;
  }

  #message(message: FromWorker): void {
    const item = this.#running.get(message.job);
    if (item === undefined) return;
    if (message.op === "progress") {
      item.onProgress?.(message.bytes);
      return;
    }
    this.#running.delete(item.number);
    if (message.op === "done") item.resolve(message.result);
    else
      item.reject(
        new MockerError(message.code, message.message, { hint: message.hint, details: message.details }),
      );
    item.end();
    this.#start();
    if (this.#running.size === 0) this.#rest();
  }

  #rest(): void {
    const worker = this.#worker;
    worker?.unref();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#worker === worker) this.#worker = undefined;
      void worker?.terminate();
    }, idleMs).unref();
  }

  #crashed(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const outOfMemory = (error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY";
    for (const item of [...this.#running.values()]) {
      this.#running.delete(item.number);
      item.reject(
        outOfMemory
          ? new MockerError(
              "IMAGE_INVALID",
              "the image, or one that was pulled at the same time, has too many files to be prepared in the memory allowed for it",
            )
          : new MockerError("INTERNAL", `the thread that prepares layers failed: ${error.message}`, {
              cause: error,
            }),
      );
      item.end();
    }
    this.#start();
  }
}
