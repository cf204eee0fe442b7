import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { createDataDisk } from "../../engine/daemon/vms/runtimes/krun/data-disk.ts";
import { checkKrunConfig, type KrunConfig } from "../../engine/daemon/vms/runtimes/krun/krun-config.ts";
import { MockerError } from "../../engine/protocol/errors.ts";
import type { LibkrunInfo } from "../../native/index.ts";
import * as native from "../../native/index.ts";
import { tmpDir } from "../support/tmp-dir.ts";

test("watchProcess tells once when a process ends, and not after close()", async () => {
  const child = spawn("sleep", ["60"]);
  const pid = child.pid ?? 0;
  const startTime = native.processStartTime(pid);
  assert.ok(startTime);
  let told = 0;
  const ended = new Promise<void>((resolve) => {
    native.watchProcess(pid, startTime, () => {
      told++;
      resolve();
    });
  });
  const closed = native.watchProcess(pid, startTime, () => assert.fail("was closed"));
  closed.close();
  closed.close();
  assert.equal(native.killProcess(pid, startTime, 15), true);
  await ended;
  await once(child, "exit");
  assert.equal(told, 1);
  assert.equal(native.processStartTime(pid), null);
  assert.equal(native.killProcess(pid, startTime, 15), false);
});

test("watchProcess tells of a process that is gone already, but never at once", async () => {
  let told = false;
  const ended = new Promise<void>((resolve) => {
    native.watchProcess(process.pid, 1, () => {
      told = true;
      resolve();
    });
  });
  assert.equal(told, false);
  await ended;
});

test("watches that are never closed do not survive their garbage", async () => {
  const script = `
    const native = require(${JSON.stringify(join(native.nativeDir(), "mocker.node"))});
    const start = native.processStartTime(process.pid);
    for (let i = 0; i < 500; i++) native.watchProcess(process.pid, start, () => {});
    for (let i = 0; i < 500; i++) native.watchProcess(process.pid, start, () => {}).close();
    global.gc();
    setTimeout(() => process.exit(0), 50);
  `;
  execFileSync(process.execPath, ["--expose-gc", "-e", script]);
});

test("spawnVmm says how the program ended, and leaves no zombie", async () => {
  const folder = tmpDir();
  // The watch alone does not keep this process going.
  const keepAlive = setTimeout(() => {}, 60_000);
  const exit = await new Promise<[number | null, number | null]>((resolve) => {
    native.spawnVmm({
      specPath: join(folder, "none.json"),
      logPath: join(folder, "vmm.log"),
      onExit: (...how) => resolve(how),
    });
  });
  clearTimeout(keepAlive);
  assert.deepEqual(exit, [1, null]);
  assert.match(readFileSync(join(folder, "vmm.log"), "utf8"), /none\.json: no such file or directory/);
});

test("tryLock is exclusive until released", () => {
  const path = join(tmpDir(), "lock");
  assert.equal(native.isLocked(path), false);
  const lock = native.tryLock(path);
  assert.ok(lock);
  assert.equal(native.tryLock(path), null);
  assert.equal(native.isLocked(path), true);
  lock.release();
  lock.release();
  assert.equal(native.isLocked(path), false);
});

test("failed system calls have a code and name what they were about", () => {
  assert.throws(() => native.tryLock("/nonexistent/lock"), {
    code: "ENOENT",
    message: "/nonexistent/lock: no such file or directory",
  });
  assert.throws(
    () => native.lsetxattr("/proc/self/stat", "user.x", Buffer.from("y")),
    /\/proc\/self\/stat: user.x/,
  );
  const file = openSync("/proc/self/stat", "r");
  assert.throws(() => native.peerCredentials(file), /peer credentials: socket operation on non-socket/);
  closeSync(file);
});

test("impossible arguments are refused before the system sees them", () => {
  assert.throws(() => native.tryLock("relative"), /not an absolute path: relative/);
  assert.throws(() => native.isLocked("/a\0b"), /NUL/);
  assert.throws(() => native.processStartTime(-1), RangeError);
  assert.throws(() => native.killProcess(process.pid, 1, 99), RangeError);
  assert.throws(() => native.copyRange(0, 1, -1, 0, 1), RangeError);
  assert.throws(() => native.watchProcess(1.5, 1, () => {}), RangeError);
});

test("peerCredentials names the other end", async () => {
  const path = join(tmpDir(), "socket");
  const server = createServer().listen(path);
  await once(server, "listening");
  const client = connect(path);
  const [socket] = await once(server, "connection");
  assert.deepEqual(native.peerCredentials(socket._handle.fd), {
    uid: process.geteuid?.(),
    gid: process.getegid?.(),
    pid: process.pid,
  });
  client.destroy();
  server.close();
});

test("copyRange copies, and complains of a source that ends early", () => {
  const folder = tmpDir();
  writeFileSync(join(folder, "from"), "0123456789");
  const from = openSync(join(folder, "from"), "r");
  const to = openSync(join(folder, "to"), "w+");
  native.copyRange(from, to, 2, 1, 5);
  assert.equal(readFileSync(join(folder, "to"), "latin1"), "\u000023456");
  assert.throws(() => native.copyRange(from, to, 8, 0, 5), { code: "EIO" });
  closeSync(from);
  closeSync(to);
});

test("copyRange leaves holes where the source has them, and overwrites what is there", () => {
  const folder = tmpDir();
  const from = openSync(join(folder, "from"), "w+");
  const to = openSync(join(folder, "to"), "w+");
  const bytes = 16 * 2 ** 30;
  writeSync(from, "begin", 0);
  writeSync(from, "middle", bytes / 2 + 1);
  ftruncateSync(from, bytes);
  // Neither a multiple of a block, nor from the beginning: extents cannot be shared.
  native.copyRange(from, to, 1, 2, bytes - 1);
  assert.equal(fstatSync(to).size, bytes + 1);
  assert.ok(fstatSync(to).blocks * 512 < 2 ** 20, "holes");
  const piece = Buffer.alloc(6);
  readSync(to, piece, 0, 6, bytes / 2 + 2);
  assert.equal(piece.toString(), "middle");
  readSync(to, piece, 0, 6, 0);
  assert.equal(piece.toString("latin1"), "\0\0egin");

  writeSync(to, "old", bytes + 1);
  native.copyRange(from, to, 100, bytes + 1, 3);
  readSync(to, piece, 0, 3, bytes + 1);
  assert.equal(piece.toString("latin1", 0, 3), "\0\0\0");
  closeSync(from);
  closeSync(to);
});

test("createDataDisk makes a clean, sparse ext4 file system and never overwrites", () => {
  const path = join(tmpDir(), "disk.ext4");
  const { sizeBytes } = createDataDisk(path);
  const made = statSync(path);
  assert.equal(made.size, sizeBytes);
  assert.ok(made.blocks * 512 < 1 << 20, `${made.blocks * 512} bytes allocated`);
  execFileSync("/sbin/e2fsck", ["-fn", path], { stdio: "ignore" });
  assert.throws(() => createDataDisk(path), { code: "EEXIST" });
});

test("libkrun is found, and a wrong one is refused with a hint", () => {
  const library = native.libkrun({ libkrunPath: join(native.nativeDir(), "libkrun.so.1") });
  assert.match(library.version, /^\d+\.\d+\.\d+$/);
  assert.deepEqual(
    ["disks", "vmdk", "shares", "network-none", "network-cards"].filter(
      (name) => !library.features.includes(name),
    ),
    [],
  );
  assert.throws(() => native.libkrun({ libkrunPath: "/etc/passwd" }), {
    code: "LIBKRUN_UNAVAILABLE",
    message: /\/etc\/passwd/,
    hint: /MOCKER_LIBKRUN/,
  });
});

test("a VM that the library cannot run is refused in the user's terms", () => {
  const library: LibkrunInfo = {
    path: "/lib/libkrun.so.1",
    kernelPath: "/lib/libkrunfw.so.5",
    version: "1.12.0",
    features: ["disks", "blk", "shares"],
    maxVcpus: 8,
    missing: {
      vmdk: "libkrun 1.17",
      "network-none": "libkrun 1.17",
      "network-cards": "libkrun 1.17 built with NET=1",
    },
  };
  const config = {
    cpus: 2,
    memoryMiB: 512,
    disks: [{ format: "raw" as const }],
    shares: 0,
    cards: 0,
    tsi: true,
  };
  checkKrunConfig(library, config);
  const refusal = (change: Partial<KrunConfig>) => {
    try {
      checkKrunConfig(library, { ...config, ...change });
    } catch (error) {
      assert.ok(error instanceof MockerError);
      return `${error.code}: ${error.message} ${error.hint ?? ""}`;
    }
    return assert.fail("was accepted");
  };
  assert.match(refusal({ cpus: 9 }), /INVALID_ARGUMENT: .*1 to 8 CPUs here, not 9/);
  assert.match(refusal({ memoryMiB: 1 }), /INVALID_ARGUMENT: .*not 1 MiB/);
  assert.match(
    refusal({ disks: [{ format: "vmdk" }] }),
    /FEATURE_UNAVAILABLE: .*1\.12\.0.* This needs libkrun 1\.17/,
  );
  assert.match(refusal({ tsi: false }), /FEATURE_UNAVAILABLE: .*without network/);
  checkKrunConfig({ ...library, missing: {} }, { ...config, shares: 30 });
  assert.match(
    refusal({ shares: 30, cards: 30 }),
    /INVALID_ARGUMENT: a microVM has room for \d+ networks and block volumes beside its other volumes, not 29/,
  );
  assert.match(refusal({ tsi: false, cards: 1 }), /FEATURE_UNAVAILABLE: .* networks This needs .*NET=1/);
});
