import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "../support/tmp-dir.ts";

/** Calls `work` with a new folder, which is removed afterwards, whatever happens. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "mb-"));
  chmodSync(folder, 0o755);
  const discard = () => removeTree(folder);
  process.once("exit", discard);
  try {
    return await work(folder);
  } finally {
    process.off("exit", discard);
    discard();
  }
}
