import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { extract } from "tar-stream";
import type { RootDisk } from "../../engine/daemon/images/rootfs/root-store.ts";
import { copyRange } from "../../native/index.ts";

const run = promisify(execFile);
const privileged = process.getuid?.() === 0;

/**
 * What a directory holds, as GNU tar and tar-stream see it: one line for each entry. Times are rounded unless
 * `exact`.
 */
export async function snapshot(dir: string, exact = true): Promise<string[]> {
  const args = [
    "--sort=name",
    "--format=pax",
    "--numeric-owner",
    "--xattrs",
    "--xattrs-include=*",
    "-C",
    dir,
    "-cf",
    "-",
    ".",
  ];
  const child = spawn("tar", args, { stdio: ["ignore", "pipe", "inherit"] });
  // Until it has gone it stands in the directory, which cannot be unmounted.
  const exited = once(child, "exit");
  const lines: string[] = [];
  for await (const entry of child.stdout.pipe(extract())) {
    const { name, type, mode = 0, uid, gid, size, mtime, linkname, devmajor, devminor, pax } = entry.header;
    const exactly =
      (pax as Record<string, string> | undefined)?.mtime ?? String((mtime?.getTime() ?? 0) / 1000);
    const hash = createHash("sha256");
    for await (const chunk of entry) hash.update(chunk as Buffer);
    const xattrs = Object.entries(pax ?? {}).filter(([key]) => key.startsWith("SCHILY.xattr."));
    // Without privileges fsck.erofs keeps neither owners nor some modes.
    const attributes = privileged
      ? [
          mode.toString(8),
          uid,
          gid,
          exact ? exactly : Math.round(Number(exactly) * 1000),
          ...xattrs.map((pair) => pair.join("=")).sort(),
        ]
      : [];
    lines.push([name, type, size, linkname, devmajor, devminor, hash.digest("hex"), ...attributes].join(" "));
  }
  assert.deepEqual(await exited, [0, null], "tar reads the whole directory");
  return lines;
}

/** assert.deepEqual prints all of thousands of lines. */
export function assertSame(actual: string[], expected: string[]): void {
  const different = expected.findIndex((line, i) => actual[i] !== line);
  if (different >= 0) assert.equal(actual[different]?.slice(0, 300), expected[different]?.slice(0, 300));
  assert.equal(actual.length, expected.length);
}

/** The disk that the descriptor joins, as one sparse file. */
function joined(disk: RootDisk, target: string): void {
  writeFileSync(target, "", { flag: "wx" });
  const out = openSync(target, "r+");
  const files: string[] = [];
  let offset = 0;
  for (const [, sectors, name = ""] of readFileSync(disk.path, "utf8").matchAll(
    /^RDONLY ([0-9]+) FLAT "(.*)" 0$/gm,
  )) {
    const file = resolve(dirname(disk.path), name);
    files.push(file);
    const bytes = Number(sectors) * 512;
    assert.equal(bytes % 4096, 0, "extents are whole blocks");
    assert.ok(statSync(file).size >= bytes, "no extent is longer than its file");
    const source = openSync(file, "r");
    copyRange(source, out, 0, offset, bytes);
    closeSync(source);
    offset += bytes;
  }
  closeSync(out);
  assert.deepEqual(files, disk.files);
  assert.equal(disk.format, "vmdk");
}

/**
 * Calls `look` with a directory, inside of `directory`, that shows the disk's file system: mounted by the
 * kernel as root, unpacked by erofs-utils else.
 */
export async function withDisk(
  disk: RootDisk,
  directory: string,
  look: (dir: string) => Promise<void>,
): Promise<void> {
  const image = join(directory, "disk.img");
  const mountpoint = join(directory, "mounted");
  joined(disk, image);
  await run("fsck.erofs", [image]);
  if (!privileged) {
    await run("fsck.erofs", [`--extract=${mountpoint}`, "--no-preserve", image]);
    await look(mountpoint);
    return;
  }
  mkdirSync(mountpoint);
  await run("mount", ["-t", "erofs", "-o", "loop,ro", image, mountpoint]);
  try {
    await look(mountpoint);
  } finally {
    await run("umount", [mountpoint]);
  }
}
