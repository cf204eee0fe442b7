import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { extract } from "tar-stream";
import { repackedTar } from "../../../../engine/daemon/system/repacked-tar.ts";
import { type Entry, makeTar } from "../../../fixtures/made-image.ts";
import { fails } from "../../../support/fails-with.ts";
import { tmpDir } from "../../../support/tmp-dir.ts";

/** In pieces that fit nothing. */
async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
}

async function repacked(bytes: Buffer, rename?: { from: string; to: string }): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of repackedTar(pieces(bytes), { rename })) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Names, kinds, contents and what links lead to, as another reader sees them. */
async function entriesOf(bytes: Buffer): Promise<string[]> {
  const found: string[] = [];
  const reader = extract();
  reader.end(bytes);
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const { name, type, linkname, uid, gid, mode } = entry.header;
    const rest = linkname ? ` -> ${linkname}` : chunks.length > 0 ? ` ${Buffer.concat(chunks)}` : "";
    found.push(`${type} ${name} ${uid}:${gid} ${mode?.toString(8)}${rest}`);
  }
  return found;
}

const tree: Entry[] = [
  { name: "d/", type: "directory", mode: 0o750, uid: 5, gid: 6 },
  { name: "./d/file", content: "hello", mode: 0o4711 },
  { name: "d//hard", type: "link", linkname: "./d/file" },
  { name: "d/soft", type: "symlink", linkname: "../../outside" },
  { name: `d/${"n".repeat(150)}`, content: "long" },
];

test("an archive goes to the guest with clean names and everything that it says", async () => {
  const wanted = [
    "directory d/ 5:6 750",
    "file d/file 0:0 4711 hello",
    "link d/hard 0:0 644 -> d/file",
    "symlink d/soft 0:0 644 -> ../../outside",
    `file d/${"n".repeat(150)} 0:0 644 long`,
  ];
  const tar = await makeTar(tree);
  assert.deepEqual(await entriesOf(await repacked(tar)), wanted);
  assert.deepEqual(await entriesOf(await repacked(gzipSync(tar))), wanted);
});

test("what is copied gets another name, and so does what is below it", async () => {
  const names = async (entries: Entry[], from: string, to: string): Promise<string[]> =>
    (await entriesOf(await repacked(await makeTar(entries), { from, to }))).map(
      (text) => text.split(" ")[1] + text.replace(/^[^>]*/, ""),
    );
  assert.deepEqual((await names(tree, "d", "new")).slice(0, 4), [
    "new/",
    "new/file",
    "new/hard> new/file",
    "new/soft> ../../outside",
  ]);
  const contents: Entry[] = [
    { name: "./", type: "directory" },
    { name: "./x", content: "x" },
  ];
  assert.deepEqual(await names(contents, ".", "new"), ["new/", "new/x"]);
  await assert.rejects(
    names([{ name: "other", content: "x" }], "d", "new"),
    fails("INVALID_ARGUMENT", /"other"/),
  );
});

test("a sparse file is whole", async () => {
  const dir = tmpDir();
  const fd = openSync(join(dir, "holes"), "w");
  writeSync(fd, "begin", 0);
  writeSync(fd, "middle", 700_000);
  ftruncateSync(fd, 1_000_000);
  closeSync(fd);
  const tar = execFileSync("tar", ["-C", dir, "-S", "-cf", "-", "holes"], { maxBuffer: 1e8 });
  assert.ok(tar.length < 200_000);
  const [entry = ""] = await entriesOf(await repacked(tar));
  const contents = entry.slice(entry.indexOf("begin"));
  assert.equal(contents.length, 1_000_000);
  assert.equal(contents.slice(700_000, 700_006), "middle");
  assert.match(contents.replaceAll("\0", ""), /^beginmiddle$/);
});

test("what is no archive, or leads out of one, is refused", async () => {
  const tar = await makeTar([{ name: "file", content: "x".repeat(5000) }]);
  for (const bytes of [
    Buffer.from("junk"),
    Buffer.alloc(2048, "no tar "),
    Buffer.alloc(0),
    tar.subarray(0, 3000),
    gzipSync(tar).subarray(0, 60),
    await makeTar([{ name: "../../etc/passwd", content: "x" }]),
    await makeTar([{ name: "x", type: "link", linkname: "../../etc/passwd" }]),
  ])
    await assert.rejects(repacked(bytes), fails("INVALID_ARGUMENT", /^the archive cannot be read: /));
  await assert.rejects(
    repacked(Buffer.from("fd377a585a0000", "hex")),
    fails("FEATURE_UNAVAILABLE", /compressed with xz/),
  );
});
