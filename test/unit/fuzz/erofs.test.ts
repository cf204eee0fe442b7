import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { LayerMerge, type MergeLayer } from "../../../engine/daemon/images/rootfs/layer-merge.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";
import { type Entry, makeTar } from "../../fixtures/made-image.ts";
import { adminPath, needPrograms } from "../../support/host.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { fuzz } from "./fuzz.ts";
import { convert, forget } from "./layers.ts";

const run = promisify(execFile);
const dir = tmpDir();
const env = { ...process.env, PATH: adminPath };

before(() => needPrograms({ "fsck.erofs": "erofs-utils" }));

/** An entry that three bytes decide; few names, so that entries meet each other. */
function entryOf(kind: number, place: number, shape: number): Entry {
  const names = ["a", "b", "c", "dir", ".wh.a", ".wh..wh..opq", "é", "n".repeat(255), "x y", "dir2"];
  const pick = (number: number): string => names[number % names.length] ?? "a";
  const directories = ["", "dir/", "dir/dir2/", "b/", "a/b/c/"];
  const name = `${directories[place % directories.length]}${pick(place >> 3)}`;
  const times = [0, 1, 1.7e9, 4.2e9];
  const common = {
    name,
    mode: [0o644, 0o755, 0o4755, 0o1777, 0][shape % 5] ?? 0,
    uid: [0, 1000, 65_535, 65_536, 2_000_000_000][(shape >> 1) % 5] ?? 0,
    gid: [0, 70_000][shape & 1] ?? 0,
    mtime: new Date((times[shape % 4] ?? 0) * 1000 + (shape % 3)),
    ...(shape % 7 === 0
      ? { pax: { "SCHILY.xattr.user.a": "v".repeat(shape), "SCHILY.xattr.trusted.b": "" } }
      : {}),
  };
  switch (kind % 8) {
    case 0:
      return { ...common, name: `${name}/`, type: "directory" };
    case 1:
      return { ...common, type: "symlink", linkname: shape % 9 === 0 ? "t".repeat(4000) : pick(shape) };
    case 2:
      return { ...common, type: "link", linkname: `${directories[shape % 3]}${pick(shape >> 2)}` };
    case 3:
      return { ...common, type: "character-device", devmajor: shape, devminor: shape * 4000 };
    case 4:
      return { ...common, type: "fifo" };
    default: {
      const sizes = [0, 1, 100, 4095, 4096, 4097, 20_000];
      return { ...common, content: Buffer.alloc(sizes[shape % sizes.length] ?? 0, shape) };
    }
  }
}

async function layersOf(input: Buffer): Promise<MergeLayer[]> {
  const layers: MergeLayer[] = [];
  const count = 1 + ((input[0] ?? 0) % 3);
  const bytes = input.subarray(1);
  for (let number = 0; number < count; number++) {
    const part = bytes.subarray((number * bytes.length) / count, ((number + 1) * bytes.length) / count);
    const entries: Entry[] = [];
    for (let at = 0; at + 2 < part.length; at += 3)
      entries.push(entryOf(part[at] ?? 0, part[at + 1] ?? 0, part[at + 2] ?? 0));
    layers.push(convert(await makeTar(entries), 1 << 20));
  }
  return layers;
}

test("every file system that is written is whole to fsck.erofs and dump.erofs", async () => {
  await fuzz(
    "EROFS writer",
    10,
    (random) => Buffer.from(Array.from({ length: 4 + random.below(200) }, () => random.below(256))),
    async (input) => {
      let layers: MergeLayer[];
      try {
        layers = await layersOf(input);
      } catch (error) {
        if (error instanceof MockerError && error.code === "IMAGE_INVALID") return false;
        throw error;
      }
      const metadata = join(dir, "metadata");
      const image = join(dir, "image");
      const merge = new LayerMerge();
      try {
        try {
          await merge.apply(layers);
        } catch (error) {
          if (error instanceof MockerError && error.code === "IMAGE_INVALID") return false;
          throw error;
        }
        const result = await merge.write(metadata, "0123456789abcdef0123456789abcdef");
        const parts = result.extents.map(({ layer, bytes }) => {
          const part = Buffer.alloc(bytes);
          readFileSync(layers[layer]?.dataPath ?? "").copy(part);
          return part;
        });
        writeFileSync(image, Buffer.concat([readFileSync(metadata), ...parts]));
        await run("fsck.erofs", [image], { env });
        const { stdout } = await run("dump.erofs", ["-s", image], { env });
        const inodes = Number(/inode count:\s+([0-9]+)/.exec(stdout)?.[1]);
        assert.equal(inodes, result.inodes, stdout);
        return true;
      } finally {
        merge.close();
        layers.forEach(forget);
        for (const path of [metadata, image]) rmSync(path, { force: true });
      }
    },
  );
});
