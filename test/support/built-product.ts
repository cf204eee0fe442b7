/** Lets code under test find the workers and native parts of the built product; imported for its effect. */
import { join } from "node:path";
import { rootDir } from "./paths.ts";

process.env.MOCKER_LAYER_WORKER ??= join(rootDir(), "dist", "layer-worker.js");
process.env.MOCKER_STORE_WORKER ??= join(rootDir(), "dist", "store-worker.js");
process.env.MOCKER_NATIVE_DIR ??= join(rootDir(), "dist", "native");
