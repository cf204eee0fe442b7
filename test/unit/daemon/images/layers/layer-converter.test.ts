import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { defaultLimits, LayerConverter } from "../../../../../engine/daemon/images/layers/layer-converter.ts";
import { makeTar } from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { end, patch, pax, rawEntry } from "./hand-made-tar.ts";
import { convert, file, rootOf } from "./layers.ts";

test("large files begin at a multiple of 4 KiB, small ones lie behind their inodes within a block", async () => {
  const big = Buffer.alloc(3 << 20);
  big.write("begin", 0);
  big.write("end", big.length - 3);
  const contents: Record<string, Buffer> = { big };
  for (const size of [1, 31, 32, 1000, 2000, 4031, 4032, 4033, 5000, 70_000])
    contents[`f${size}`] = Buffer.alloc(size, `${size}`);
  for (let i = 0; i < 200; i++) contents[`n${i}`] = Buffer.alloc(1 + ((i * 37) % 4500), `${i}`);
  const entries = Object.entries(contents).map(([name, content]) => ({ name, content }));
  for (const piece of [1 << 20, 777]) {
    const { index, data } = convert(await makeTar(entries), {}, piece);
    const root = await rootOf({ index, data });
    assert.equal(root.children?.size, entries.length);
    const taken: [number, number][] = [];
    for (const [name, inode] of root.children ?? []) {
      const { dataOffset: start, size } = inode;
      const small = size <= 4032;
      assert.equal(start % 4096 === 0, !small, name);
      if (small) {
        assert.equal(start % 32, 0, name);
        assert.equal(Math.floor((start - 64) / 4096), Math.floor((start + size - 1) / 4096), name);
        assert.equal(data.readUInt32LE(start - 64 + 8), size, name);
      }
      assert.ok(data.subarray(start, start + size).equals(contents[name] ?? big), name);
      taken.push([small ? start - 64 : start, start + size]);
    }
    taken.sort(([a], [b]) => a - b);
    for (const [i, [start]] of taken.entries())
      assert.ok(start >= (taken[i - 1]?.[1] ?? 0), "nothing overlaps");
    assert.equal(data.length % 4096, 0);
  }
});

test("files with the same contents share them, and those that only look so do not", async () => {
  const one = Buffer.alloc(50_000, "one");
  const other = Buffer.from(one);
  // Where no fingerprint looks.
  other.write("x", 101);
  const filler = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * i) >> 7));
  const contents: Record<string, Buffer> = {
    a: one,
    other,
    b: one,
    filler,
    c: one,
    d: other,
    z: Buffer.alloc(50_000),
  };
  const { index, data } = convert(
    await makeTar(Object.entries(contents).map(([name, content]) => ({ name, content }))),
  );
  const root = await rootOf({ index, data });
  const offset = (name: string): number => root.children?.get(name)?.dataOffset ?? -1;
  for (const [name, content] of Object.entries(contents))
    assert.ok(data.subarray(offset(name), offset(name) + content.length).equals(content), name);
  assert.equal(offset("b"), offset("a"));
  assert.equal(offset("c"), offset("a"), "also when it is written already");
  assert.notEqual(offset("other"), offset("a"));
  // Of those that look the same the first one is remembered, so "d" has its own.
  assert.ok(data.length < 950_000);
});

test("attributes come through: owner, mode, times, binary xattrs", async () => {
  const capability = Buffer.from("\x01\0\0\x02\0\xff\xfe\0\0\x80\n=\0", "latin1");
  const header = pax({
    "SCHILY.xattr.security.capability": capability,
    mtime: "-1.25",
    uid: "3000000000",
    "SCHILY.xattr.user.a": "b",
  });
  const setuid = patch(rawEntry("f", "0", Buffer.from("hi")), 100, "0004755\0");
  const root = await rootOf(convert(Buffer.concat([header, setuid, end])));
  const inode = root.children?.get("f");
  assert.ok(inode);
  assert.equal(inode.mode, 0o4755);
  assert.equal(inode.uid, 3_000_000_000);
  assert.deepEqual([inode.mtimeSeconds, inode.mtimeNanoseconds], [-2, 750_000_000]);
  assert.deepEqual(inode.xattrs, [
    ["security.capability", capability.toString("latin1")],
    ["user.a", "b"],
  ]);
});

test("the limits on bytes, entries, attributes and ratio are kept", async () => {
  const tar = await makeTar([file("a", "x".repeat(10_000)), file("b"), file("c")]);
  assert.throws(() => convert(tar, { maximumBytes: 5000 }), /limit for a layer/);
  assert.throws(() => convert(tar, { maximumEntries: 2 }), /more than 2 entries/);
  const attributes = Array.from({ length: 100 }, (_, i) => ({
    ...file(`f${i}`),
    pax: { "SCHILY.xattr.user.a": "v".repeat(10_000) },
  }));
  const wordy = await makeTar(attributes);
  assert.throws(
    () => convert(wordy, { maximumIndexBytes: 900_000 }),
    /attributes take more than 900000 bytes/,
  );
  assert.ok(convert(wordy, { maximumIndexBytes: 1_100_000 }).index.length > 1_000_000);
  const converter = new LayerConverter(join(tmpDir(), "ratio"), {
    ...defaultLimits,
    ratioFloorBytes: 1000,
    maximumRatio: 10,
  });
  assert.throws(() => converter.push(tar, 100), /decompression bomb/);
  converter.close();
});
