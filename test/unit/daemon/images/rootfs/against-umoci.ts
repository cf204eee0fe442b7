import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, writeLayout } from "../../../../fixtures/made-image.ts";
import { assertSame, snapshot, withDisk } from "../../../../support/image-tree.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const run = promisify(execFile);
export const privileged = process.getuid?.() === 0;

export interface CompareOptions {
  tag?: string;
  /** Where the image is pulled from, if not from the layout. */
  reference?: string;
  /** At least so many entries there must be, or nothing was compared. */
  entries?: number;
  /** Looks at the disk, mounted, and at the directory; what is the matter with one of them is thrown. */
  look?: (root: string) => void | Promise<void>;
}

/** Compares disk and directory of an image with what umoci unpacks, entry by entry. */
export async function compareLayout(
  layout: string,
  { tag = "x", reference: from = `oci:${layout}:${tag}`, entries = 1, look }: CompareOptions = {},
): Promise<void> {
  const { store } = await makeStore();
  const { id } = await store.pull({ reference: from });
  const reference = join(tmpDir(), "umoci");
  const rootless = privileged ? [] : ["--rootless"];
  await run("umoci", ["raw", "unpack", ...rootless, "--image", `${layout}:${tag}`, reference]);
  const expected = await snapshot(reference);
  assert.ok(expected.length >= entries, `${expected.length} entries`);
  await withDisk(await store.rootDisk(id), tmpDir(), async (dir) => {
    assertSame(await snapshot(dir), expected);
    await look?.(dir);
  });
  // The archive of it, unpacked by another program. Devices and others' files are not an ordinary user's to
  // make.
  if (privileged) {
    const unpacked = join(tmpDir(), "unpacked");
    mkdirSync(unpacked);
    const archive = join(tmpDir(), "root.tar");
    await writeFile(archive, await store.archive(id, "/", ".", false));
    await run("tar", ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", archive, "-C", unpacked]);
    assertSame(await snapshot(unpacked), expected);
    rmSync(archive);
  }
  const directory = await store.rootDirectory(id);
  // Node sets times in floating point.
  assertSame(await snapshot(directory, false), await snapshot(reference, false));
  await look?.(directory);
}

/** The same for an image of these layers. */
export async function compareLayers(tars: Buffer[], options: CompareOptions = {}): Promise<void> {
  await compareLayout(writeLayout(join(tmpDir(), "layout"), { x: makeImage(tars) }), options);
}
