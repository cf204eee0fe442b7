import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LayerMerge, type MergeLayer } from "../../../engine/daemon/images/rootfs/layer-merge.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";
import { makeTar } from "../../fixtures/made-image.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { fuzz, mutate } from "./fuzz.ts";
import { convert } from "./layers.ts";

const dir = tmpDir();

/** What a layer that is whole has of everything. */
async function seed(): Promise<MergeLayer> {
  const tar = await makeTar([
    { name: "d/", type: "directory", pax: { "SCHILY.xattr.user.a": "v".repeat(300) } },
    { name: "d/small", content: "small" },
    { name: "d/large", content: Buffer.alloc(20_000, "l") },
    { name: "d/same", type: "link", linkname: "d/small" },
    { name: "l", type: "symlink", linkname: "d" },
    { name: "l/x", content: "x" },
    { name: "c", type: "character-device", devmajor: 1, devminor: 3 },
    { name: "d/.wh.gone", content: "" },
    ...Array.from({ length: 40 }, (_, i) => ({ name: `d/${"n".repeat(i * 5)}${i}`, content: `${i}` })),
  ]);
  return convert(tar, 1 << 20);
}

test("a damaged index is refused in words, or makes a tree of some kind", async () => {
  const layer = await seed();
  const index = readFileSync(layer.indexPath);
  const indexPath = join(dir, "index");
  const metadataPath = join(dir, "metadata");
  await fuzz(
    "layer index",
    10,
    // The words that tell what it is are left alone, mostly.
    (random) => mutate(random, [index], ["MKRLAYR1", "..", "/", "\0\0\0\0", "\xff\xff\xff\xff"]),
    async (input) => {
      writeFileSync(indexPath, input);
      const merge = new LayerMerge();
      try {
        await merge.apply([layer, { ...layer, indexPath }]);
        await merge.tree();
        await merge.write(metadataPath, "0123456789abcdef0123456789abcdef");
        return true;
      } catch (error) {
        assert.ok(error instanceof MockerError, (error as Error).stack);
        assert.match(error.code, /^(IMAGE_INVALID|STATE_CORRUPT)$/);
        return false;
      } finally {
        merge.close();
        rmSync(metadataPath, { force: true });
      }
    },
  );
});
