import { parentPort, workerData } from "node:worker_threads";
import { TarError } from "../../../common/tar/tar-header.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { UnpackProgress } from "../../../protocol/vm.ts";
import { LayerMerge } from "./layer-merge.ts";
import { compareRoot, materialize } from "./root-directory.ts";
import type { ArchiveJob, FromStoreWorker, StoreJob } from "./store-job.ts";
import { archiveTree } from "./tree-archive.ts";
import { lookUp } from "./tree-path.ts";

const progressMs = 100;

/** The thread that writes an image's tree as files or as an archive, or reads it again. */
async function work(job: StoreJob | ArchiveJob): Promise<FromStoreWorker> {
  const merge = new LayerMerge();
  try {
    await merge.apply(job.layers);
    const tree = await merge.tree();
    const dataPaths = job.layers.map(({ dataPath }) => dataPath);
    if (job.op === "archive") {
      archiveTree(lookUp(tree, job.path, job.followLink), job.name, dataPaths, sender(job.credit));
      return { op: "done" };
    }
    const options = { dataPaths, privileged: job.privileged };
    if (job.op === "compare") return { op: "done", difference: compareRoot(tree, job.directory, options) };
    materialize(tree, job.directory, { ...options, onProgress: reporter() });
    return { op: "done" };
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof TarError || error instanceof MockerError)
      return { op: "failed", code: "IMAGE_INVALID", message };
    return { op: "failed", code: (error as NodeJS.ErrnoException).code, message };
  } finally {
    merge.close();
  }
}

/** Tells how far an unpacking is, so often that a bar moves, and of its end. */
function reporter(): (progress: UnpackProgress) => void {
  let sentMs = performance.now();
  return (progress) => {
    const isEnd = progress.currentBytes === progress.totalBytes;
    if (!isEnd && performance.now() - sentMs < progressMs) return;
    sentMs = performance.now();
    parentPort?.postMessage({ op: "progress", progress } satisfies FromStoreWorker);
  };
}

/** Sends pieces as fast as they are taken. */
function sender(buffer: SharedArrayBuffer): (chunk: Buffer) => void {
  const credit = new Int32Array(buffer);
  return (chunk) => {
    Atomics.wait(credit, 0, 0);
    Atomics.sub(credit, 0, 1);
    const bytes = chunk as Buffer<ArrayBuffer>;
    const message: FromStoreWorker = { op: "chunk", bytes };
    parentPort?.postMessage(message, [bytes.buffer]);
  };
}

work(workerData as StoreJob | ArchiveJob).then((result) => parentPort?.postMessage(result));
