import { join } from "node:path";
import { rootDir } from "../../support/paths.ts";
import { compiled } from "../compiled.ts";

/**
 * A library that makes a monitor's host one without user namespaces, and for `"own root"` one without mount
 * namespaces, too.
 */
export async function withoutNamespaces(also?: "own root"): Promise<string> {
  const source = join(rootDir(), "test", "native", "jail", "without-namespaces.c");
  const flags = also === undefined ? [] : ["-DWITHOUT_MOUNTS"];
  return await compiled("without-namespaces.so", "cc", ["-shared", "-fPIC", ...flags, source], [source]);
}
