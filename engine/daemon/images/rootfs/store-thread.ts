import { on } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { MockerError } from "../../../protocol/errors.ts";
import type { UnpackProgress } from "../../../protocol/vm.ts";
import { translateNoSpace } from "../store/no-space.ts";
import type { ArchiveJob, FromStoreWorker, StoreJob } from "./store-job.ts";

const script = (): string => process.env.MOCKER_STORE_WORKER || join(__dirname, "store-worker.js");

/** JavaScript heap of a thread; an image with more entries than fit is refused, and the engine lives on. */
const heapMiB = 2_048;

/** Pieces of an archive on their way from a thread. */
const archivePieces = 4;

/**
 * Does a job in a thread of its own; the engine serves its clients meanwhile. Returns what the job found, if
 * anything.
 */
export function runStoreJob(
  job: StoreJob,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (progress: UnpackProgress) => void } = {},
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const worker = new Worker(script(), {
      workerData: job,
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
    });
    const abort = (): void => void worker.terminate();
    signal?.addEventListener("abort", abort, { once: true });
    worker.on("message", (message: FromStoreWorker) => {
      if (message.op === "progress") onProgress?.(message.progress);
      else if (message.op === "done") resolve(message.difference);
      else if (message.op === "failed") reject(failure(message));
    });
    worker.once("error", (error) => reject(new MockerError("INTERNAL", error.message, { cause: error })));
    worker.once("exit", () => {
      signal?.removeEventListener("abort", abort);
      reject(
        signal?.aborted ? signal.reason : new MockerError("INTERNAL", "the thread that unpacks images ended"),
      );
    });
  });
}

/**
 * An archive that a thread of its own makes, as fast as it is read; the thread ends with the generator.
 * Throws an error whose code is ENOENT, ENOTDIR or ELOOP for a path that leads nowhere.
 */
export async function* runArchiveJob(job: Omit<ArchiveJob, "credit">): AsyncGenerator<Buffer> {
  const credit = new Int32Array(new SharedArrayBuffer(4));
  credit[0] = archivePieces;
  const worker = new Worker(script(), {
    workerData: { ...job, credit: credit.buffer } satisfies ArchiveJob,
    resourceLimits: { maxOldGenerationSizeMb: heapMiB },
  });
  try {
    for await (const [message] of on(worker, "message", { close: ["exit"] }) as AsyncIterable<
      [FromStoreWorker]
    >) {
      if (message.op === "done") return;
      if (message.op === "failed") throw failure(message);
      if (message.op === "progress") continue;
      yield Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength);
      Atomics.add(credit, 0, 1);
      Atomics.notify(credit, 0);
    }
    throw new MockerError("INTERNAL", "the thread that reads images ended");
  } finally {
    await worker.terminate();
  }
}

function failure({ code, message }: { code: string | undefined; message: string }): unknown {
  if (code === "IMAGE_INVALID") return new MockerError(code, message);
  return translateNoSpace(Object.assign(new Error(message), { code }));
}
