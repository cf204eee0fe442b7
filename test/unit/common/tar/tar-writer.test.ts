import assert from "node:assert/strict";
import { test } from "node:test";
import { extract, type Header } from "tar-stream";
import {
  plainTarHeader,
  tarEnd,
  tarHeader,
  tarPadding,
  tarType,
} from "../../../../engine/common/tar/tar-writer.ts";

/** What another implementation reads. */
async function read(archive: Buffer): Promise<{ header: Header; contents: string }[]> {
  const found: { header: Header; contents: string }[] = [];
  const reader = extract();
  reader.end(archive);
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(Buffer.from(chunk as Uint8Array));
    found.push({ header: entry.header, contents: Buffer.concat(chunks).toString() });
  }
  return found;
}

test("plain members are root's files and directories of the epoch, and end at blocks", async () => {
  const contents = Buffer.from("contents");
  const archive = Buffer.concat([
    plainTarHeader("a/", 0o1777),
    plainTarHeader("a/file", 0o644, contents.length),
    contents,
    Buffer.alloc(tarPadding(contents.length)),
    tarEnd,
  ]);
  assert.equal(archive.length % 512, 0);
  const shown = (await read(archive)).map(
    ({ header: { name, type, mode, uid, gid, size, mtime }, contents }) => [
      [name, type, mode, uid, gid, size, mtime?.getTime()],
      contents,
    ],
  );
  assert.deepEqual(shown, [
    [["a/", "directory", 0o1777, 0, 0, 0, 0], ""],
    [["a/file", "file", 0o644, 0, 0, 8, 0], "contents"],
  ]);
});

test("records before a header say what it has no room for", async () => {
  const name = `${"d/".repeat(80)}file`;
  const header = tarHeader({
    name,
    type: tarType.file,
    mode: 0o4755,
    uid: 4_000_000_000,
    gid: 3_000_000_000,
    size: 0,
    mtimeSeconds: -1,
    mtimeNanoseconds: 750_000_000,
    xattrs: [["user.a", "b"]],
  });
  const [member] = await read(Buffer.concat([header, tarEnd]));
  assert.equal(member?.header.name, name);
  assert.deepEqual(Object.fromEntries(Object.entries(member.header.pax ?? {})), {
    path: name,
    uid: "4000000000",
    gid: "3000000000",
    mtime: "-0.250000000",
    "SCHILY.xattr.user.a": "b",
  });
});

test("bytes to the next block", () => {
  assert.deepEqual([0, 1, 511, 512, 513].map(tarPadding), [0, 511, 1, 0, 511]);
});
