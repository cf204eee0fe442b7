import { parentPort, workerData } from "node:worker_threads";
import { MockerError } from "../protocol/errors.ts";
import { compareRoot, materialize } from "./root-directory.ts";
import type { FromStoreWorker, StoreJob } from "./store-job.ts";
import { TarError } from "./tar-header.ts";
import { LayerMerge } from "./tree.ts";

/** The thread that writes an image's tree as files, or reads it again. */
function work(job: StoreJob): FromStoreWorker {
  try {
    const tree = new LayerMerge().apply(job.layers);
    const options = { dataPaths: job.layers.map(({ dataPath }) => dataPath), privileged: job.privileged };
    if (job.op === "compare") return { op: "done", difference: compareRoot(tree, job.folder, options) };
    materialize(tree, job.folder, options);
    return { op: "done" };
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof TarError || error instanceof MockerError)
      return { op: "failed", code: "IMAGE_INVALID", message };
    return { op: "failed", code: (error as NodeJS.ErrnoException).code, message };
  }
}

parentPort?.postMessage(work(workerData as StoreJob));
