import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type TarEntry, TarReader } from "../../../../../engine/common/tar/tar-reader.ts";
import type { ImageStore } from "../../../../../engine/daemon/images/image-store.ts";
import { assertClean, filesIn, makeStore } from "../../../../fixtures/image-store.ts";
import { type Entry, makeImage, makeTar, writeLayout } from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

async function storeWith(...layers: Entry[][]): Promise<{ store: ImageStore; dir: string; id: string }> {
  const { store, dir } = await makeStore();
  const layout = writeLayout(join(tmpDir(), "layout"), {
    x: makeImage(await Promise.all(layers.map(makeTar))),
  });
  const { id } = await store.pull({ reference: `oci:${layout}` });
  return { store, dir, id };
}

interface Read extends TarEntry {
  content: string;
}

async function read(chunks: AsyncIterable<Buffer>): Promise<Read[]> {
  const entries: Read[] = [];
  const reader = new TarReader({
    entry: (entry) => void entries.push({ ...entry, content: "" }),
    data: (chunk, start, end) => {
      const last = entries.at(-1);
      if (last) last.content += chunk.toString("latin1", start, end);
    },
    endEntry: () => {},
  });
  for await (const chunk of chunks) reader.push(chunk);
  assert.ok(reader.ended, "the archive has its end mark");
  return entries;
}

const names = (entries: Read[]): string[] => entries.map(({ name }) => name);

test("what is copied is called as the path's last part, with links on the way followed inside of the image", async () => {
  const { store, id } = await storeWith(
    [
      { name: "a/b/file", content: "old" },
      { name: "a/b/hard", type: "link", linkname: "a/b/file" },
      { name: "a/outside", content: "x" },
      { name: "a/link-in", type: "symlink", linkname: "b/file" },
      { name: "up", type: "symlink", linkname: "../../../../a/b" },
      { name: "absolute", type: "symlink", linkname: "/up" },
      { name: "loop", type: "symlink", linkname: "loop" },
      { name: "broken", type: "symlink", linkname: "nowhere" },
    ],
    [
      { name: "a/b/file", content: "new" },
      { name: "a/b/hard", type: "link", linkname: "a/b/file" },
      { name: "a/.wh.outside", content: "" },
    ],
  );
  const copy = async (path: string, name: string, follow = false): Promise<Read[]> =>
    await read(await store.archive(id, path, name, follow));
  assert.deepEqual(names(await copy("/a", "a")), ["a/", "a/b/", "a/b/file", "a/b/hard", "a/link-in"]);
  const directory = await copy("/absolute/", "absolute");
  assert.deepEqual(names(directory), ["absolute/", "absolute/file", "absolute/hard"]);
  assert.deepEqual(directory[1]?.content, "new");
  assert.deepEqual([directory[2]?.kind, directory[2]?.linkName], ["hardlink", "absolute/file"]);
  assert.deepEqual(names(await copy("/a/b/", ".")), ["./", "./file", "./hard"]);
  const [single] = await copy("/absolute/hard", "hard");
  assert.deepEqual([single?.name, single?.kind, single?.content], ["hard", "file", "new"]);
  const [link] = await copy("/a/link-in", "link-in");
  assert.deepEqual([link?.kind, link?.linkName], ["symlink", "b/file"]);
  const [followed] = await copy("/a/link-in", "link-in", true);
  assert.deepEqual([followed?.name, followed?.kind, followed?.content], ["link-in", "file", "new"]);
  for (const [path, code] of [
    ["/nope", "ENOENT"],
    ["/a/outside", "ENOENT"],
    ["/a/b/file/", "ENOTDIR"],
    ["/a/b/file/x", "ENOTDIR"],
    ["/loop/x", "ELOOP"],
    ["/broken/", "ENOENT"],
  ] as const)
    await assert.rejects(copy(path, "x"), { code }, path);
  await assert.rejects(copy("/broken", "x", true), { code: "ENOENT" });
  assert.equal((await copy("/broken", "broken"))[0]?.linkName, "nowhere");
  await assert.rejects(store.archive("nope", "/", ".", false), { code: "IMAGE_NOT_FOUND" });
});

test("numbers and names that a plain tar header cannot hold are there all the same", async () => {
  const long = `${"d".repeat(200)}/${"f".repeat(200)}`;
  const { store, id } = await storeWith([
    { name: long, content: "x", pax: { uid: "3000000", gid: "4000000", mtime: "-0.25" } },
    { name: "early", content: "", pax: { mtime: "-3.75" } },
    { name: "link", type: "symlink", linkname: "l".repeat(300) },
    { name: "ä", content: "", pax: { "SCHILY.xattr.user.k": "a=b\nc\0d" } },
  ]);
  const entries = await read(await store.archive(id, "/", ".", false));
  const find = (name: string): Read => {
    const found = entries.find((entry) => entry.name === `./${Buffer.from(name).toString("latin1")}`);
    assert.ok(found, name);
    return found;
  };
  const file = find(long);
  assert.deepEqual([file.uid, file.gid], [3_000_000, 4_000_000]);
  assert.deepEqual([file.mtimeSeconds, file.mtimeNanoseconds], [-1, 750_000_000]);
  const { mtimeSeconds, mtimeNanoseconds } = find("early");
  assert.deepEqual([mtimeSeconds, mtimeNanoseconds], [-4, 250_000_000]);
  assert.equal(find("link").linkName, "l".repeat(300));
  assert.deepEqual(find("ä").xattrs, [["user.k", "a=b\nc\0d"]]);
});

test("an image that is removed while it is read is read to its end, and gone then; whoever stops reading leaves nothing", async () => {
  const content = Buffer.alloc(8 << 20, "0123456789");
  const { store, dir, id } = await storeWith([{ name: "large", content }]);
  const left = await store.archive(id, "/", ".", false);
  await left.next();
  await left.return(undefined);
  const chunks = await store.archive(id, "/large", "large", false);
  const first = await chunks.next();
  assert.ok(!first.done);
  await store.remove(id);
  async function* rest(): AsyncGenerator<Buffer> {
    yield first.value as Buffer;
    yield* chunks;
  }
  const [file] = await read(rest());
  assert.equal(file?.content, content.toString("latin1"));
  assertClean(dir);
  assert.deepEqual(filesIn(join(dir, "blobs")), []);
  assert.deepEqual(readdirSync(join(dir, "layers")), []);
});
