import { parentPort, workerData } from "node:worker_threads";
import { MockerError } from "../protocol/errors.ts";
import { LayerMerge } from "./layer-merge.ts";
import { compareRoot, materialize } from "./root-directory.ts";
import type { FromStoreWorker, StoreJob } from "./store-job.ts";
import { TarError } from "./tar-header.ts";

/** The thread that writes an image's tree as files, or reads it again. */
async function work(job: StoreJob): Promise<FromStoreWorker> {
  const merge = new LayerMerge();
  try {
    await merge.apply(job.layers);
    const tree = await merge.tree();
    const options = { dataPaths: job.layers.map(({ dataPath }) => dataPath), privileged: job.privileged };
    if (job.op === "compare") return { op: "done", difference: compareRoot(tree, job.folder, options) };
    materialize(tree, job.folder, options);
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

work(workerData as StoreJob).then((result) => parentPort?.postMessage(result));
