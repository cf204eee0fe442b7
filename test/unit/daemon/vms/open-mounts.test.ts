import assert from "node:assert/strict";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { OpenMounts, type VmVolumes } from "../../../../engine/daemon/vms/open-mounts.ts";
import type { Mount } from "../../../../engine/protocol/vm.ts";
import { afterFile } from "../../../support/after-file.ts";
import { tmpDir } from "../../../support/tmp-dir.ts";

/** Volumes that say what is asked of them. */
class Recorder implements VmVolumes {
  readonly opened: { name: string; copies: boolean; neverRan: boolean }[] = [];
  /** Of those that were opened: whether all places of the VM are read-only. */
  readonly readOnly: boolean[] = [];
  kind: "directory" | "block" = "directory";
  readonly closed: string[] = [];
  failing: string | undefined;

  ensure(): void {}
  async open(opening: Parameters<VmVolumes["open"]>[0]): ReturnType<VmVolumes["open"]> {
    const { name, copies, neverRan, readOnly } = opening;
    if (name === this.failing) throw new Error(`no ${name}`);
    this.opened.push({ name, copies, neverRan });
    this.readOnly.push(readOnly);
    const fill = copies && neverRan;
    const close = (): void => void this.closed.push(name);
    const { kind } = this;
    return {
      path: `/v/${name}`,
      kind,
      writes: !readOnly,
      fill,
      clear: false,
      filled: () => undefined,
      close,
    };
  }
  adopt(name: string): () => void {
    return () => void this.closed.push(name);
  }
  async removeUnused(): Promise<void> {}
  pathOf(): undefined {
    return undefined;
  }
}

const never = new AbortController().signal;
const open = (mounts: Mount[], volumes = new Recorder(), neverRan = true): Promise<OpenMounts> =>
  OpenMounts.open(volumes, { vmId: "vm", mounts, neverRan }, never);
const bind = (source: string): Mount & { type: "bind" } => ({
  type: "bind",
  source,
  target: "/x",
  readOnly: false,
});
const volume = (name: string, target: string): Mount & { type: "volume" } => ({
  type: "volume",
  name,
  target,
  readOnly: false,
});

test("a missing directory of the host is made with Docker's mode, with those above it", async () => {
  const top = tmpDir();
  const umask = process.umask(0o077);
  try {
    const { mounts } = await open([bind(join(top, "made", "here"))]);
    assert.deepEqual(
      mounts.map((mount) => mount.type === "share" && mount.sourceKind),
      ["directory"],
    );
  } finally {
    process.umask(umask);
  }
  for (const path of ["made", "made/here"]) assert.equal(statSync(join(top, path)).mode & 0o777, 0o755, path);
});

test("a directory that is there keeps its mode; what must be there is not made", async () => {
  const top = tmpDir();
  mkdirSync(join(top, "there"), { mode: 0o700 });
  await open([bind(join(top, "there"))]);
  assert.equal(statSync(join(top, "there")).mode & 0o777, 0o700);
  const source = join(top, "nothing");
  await assert.rejects(open([{ ...bind(source), mustExist: true }]), {
    code: "MOUNT_INVALID",
    message: `invalid mount config for type "bind": bind source path does not exist: ${source}`,
  });
  assert.equal(statSync(source, { throwIfNoEntry: false }), undefined);
});

test("files and sockets are told apart", async () => {
  const top = tmpDir();
  writeFileSync(join(top, "file"), "");
  const server = createServer().listen(join(top, "socket"));
  afterFile(() => void server.close());
  const kinds = async (name: string): Promise<unknown> => {
    const { mounts } = await open([bind(join(top, name))]);
    return mounts.map((mount) => mount.type === "share" && mount.sourceKind);
  };
  assert.deepEqual([await kinds("file"), await kinds("socket")], [["file"], ["other"]]);
});

test("volumes are opened in the order of their names, each once, and filled at its first target", async () => {
  const volumes = new Recorder();
  const opened = await open([volume("zz", "/z"), volume("aa", "/a"), volume("zz", "/again")], volumes);
  assert.deepEqual(volumes.opened, [
    { name: "aa", copies: true, neverRan: true },
    { name: "zz", copies: true, neverRan: true },
  ]);
  assert.deepEqual(
    opened.mounts.map((mount) => mount.type === "share" && [mount.source, mount.target, mount.fill]),
    [
      ["/v/zz", "/z", true],
      ["/v/aa", "/a", true],
      ["/v/zz", "/again", false],
    ],
  );
  assert.ok(opened.changesVolumes);
  opened.close();
  assert.deepEqual(volumes.closed.sort(), ["aa", "zz"]);
});

test("nocopy, a part of a volume and a VM that has run before fill nothing", async () => {
  const mounts: Mount[] = [
    { ...volume("aa", "/a"), noCopy: true },
    { ...volume("bb", "/b"), subpath: "sub/dir/" },
  ];
  const opened = await open(mounts);
  assert.ok(!opened.changesVolumes);
  assert.deepEqual(
    opened.mounts.map((mount) => mount.type === "share" && mount.subpath),
    [undefined, "sub/dir/"],
  );
  assert.ok(!(await open([volume("aa", "/a")], new Recorder(), false)).changesVolumes);
});

test("a part of a volume is within it", async () => {
  for (const subpath of ["../other", "/etc", "a/../..", ""]) {
    await assert.rejects(open([{ ...volume("aa", "/a"), subpath }]), {
      code: "MOUNT_INVALID",
      message: `subpath must be a relative path within the volume: ${subpath}`,
    });
  }
});

test("when one cannot be had the others are given back", async () => {
  const volumes = new Recorder();
  volumes.failing = "bb";
  await assert.rejects(open([volume("bb", "/b"), volume("aa", "/a")], volumes), /no bb/);
  assert.deepEqual(volumes.closed, ["aa"]);
});

test("a block volume is one disk in all its places, and written to if one of them is not read-only", async () => {
  const volumes = new Recorder();
  volumes.kind = "block";
  const readOnly = { ...volume("db", "/ro"), readOnly: true };
  const { mounts } = await open([readOnly, { ...volume("db", "/rw"), subpath: "part" }], volumes);
  const disk = { type: "disk", volume: "db", source: "/v/db", writes: true, clear: false };
  assert.deepEqual(mounts, [
    { ...disk, target: "/ro", readOnly: true, fill: true },
    { ...disk, target: "/rw", readOnly: false, fill: false, subpath: "part" },
  ]);
  await open([readOnly], volumes);
  assert.deepEqual(volumes.readOnly, [false, true]);
});
