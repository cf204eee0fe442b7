import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, writeLayout } from "../../../../fixtures/made-image.ts";
import { withDisk } from "../../../../support/image-tree.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { compareLayers } from "../rootfs/against-umoci.ts";

const run = promisify(execFile);
const step = 64 * 1024;

/** A file of `parts` pieces with holes between them, and one at the end. */
function sparseFile(path: string, parts: number): void {
  const fd = openSync(path, "wx");
  for (let i = 0; i < parts; i++) writeSync(fd, Buffer.alloc(4096, 1 + (i % 255)), 0, 4096, i * step + 8192);
  ftruncateSync(fd, parts * step + 100_000);
  closeSync(fd);
}

/**
 * An archive of such files. Four parts are in an old header itself, 21 in each further one; PAX 1.0 fills a
 * block with some 60.
 */
async function archive(flags: string[]): Promise<{ directory: string; tar: Buffer; names: string[] }> {
  const directory = tmpDir();
  const names = [0, 1, 3, 4, 5, 25, 26, 400].map((parts) => `sparse-${parts}`);
  for (const name of names) sparseFile(join(directory, name), Number(name.slice("sparse-".length)));
  const path = join(directory, "layer.tar");
  await run("tar", ["--sparse", ...flags, "--owner=0", "--group=0", "-C", directory, "-cf", path, ...names]);
  return { directory, tar: readFileSync(path), names };
}

for (const version of ["0.0", "0.1", "1.0"])
  test(`sparse files of PAX format ${version} have the contents that umoci gives them`, async () => {
    const { tar, names } = await archive(["--format=pax", `--sparse-version=${version}`]);
    await compareLayers([tar], { entries: names.length });
  });

test("sparse files of GNU tar's old format, which umoci does not know, are as they were", async () => {
  const { directory, tar, names } = await archive(["--format=gnu"]);
  const { store } = await makeStore();
  const layout = writeLayout(join(tmpDir(), "layout"), { x: makeImage([tar]) });
  const { id } = await store.pull({ reference: `oci:${layout}` });
  const check = async (root: string): Promise<void> => {
    for (const name of names)
      assert.ok(readFileSync(join(root, name)).equals(readFileSync(join(directory, name))), name);
  };
  await withDisk(await store.rootDisk(id), tmpDir(), check);
  await check(await store.rootDirectory(id));
});
