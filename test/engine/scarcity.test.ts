/** A full disk and a table of descriptors that is full are ordinary days. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { busyboxEntries } from "../fixtures/busybox.ts";
import { writeTar } from "../fixtures/tar-file.ts";
import { Mocker, type RunResult } from "../support/mocker.ts";
import { monitorsOf } from "../support/processes.ts";
import { retry } from "../support/retry.ts";
import { RunningProcess } from "../support/running-process.ts";

/** A mount namespace in which the data directory is a small disk of its own, and a process that has it. */
class SmallDisk {
  readonly #mocker: Mocker;
  readonly #holder: ChildProcess;
  #fillers = 0;

  private constructor(mocker: Mocker, holder: ChildProcess) {
    this.#mocker = mocker;
    this.#holder = holder;
  }

  static async mount(mocker: Mocker, size: string): Promise<SmallDisk> {
    mkdirSync(mocker.dataDir, { recursive: true });
    const script = `mount -t tmpfs -o size=${size},mode=700 none "$0" && echo ready && exec sleep 1000`;
    const holder = spawn("unshare", ["--mount", "sh", "-c", script, mocker.dataDir], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    assert.ok(holder.stdout);
    assert.equal(String((await once(holder.stdout, "data"))[0]), "ready\n");
    return new SmallDisk(mocker, holder);
  }

  /** A file of the data directory, as others see it. */
  path(name: string): string {
    return join(`/proc/${this.#holder.pid}/root`, this.#mocker.dataDir, name);
  }

  /** Takes all that is free. */
  fill(): void {
    const path = this.path(`filler-${this.#fillers++}`);
    assert.throws(() => writeFileSync(path, Buffer.alloc(128 << 20)), { code: "ENOSPC" });
  }

  /** Leaves so much free. */
  fillTo(freeBytes: number): void {
    const spare = this.path("spare");
    writeFileSync(spare, Buffer.alloc(freeBytes));
    this.fill();
    rmSync(spare);
  }

  empty(): void {
    while (this.#fillers > 0) rmSync(this.path(`filler-${--this.#fillers}`));
  }

  /** Starts `mocker ARGS` there. */
  start(args: string[]): RunningProcess {
    const command = ["-t", String(this.#holder.pid), "-m", "--", ...this.#mocker.argv(args)];
    const child = spawn("nsenter", command, {
      env: this.#mocker.environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new RunningProcess(child, `mocker ${args.join(" ")}`);
  }

  run(args: string[]): Promise<RunResult> {
    return this.start(args).exited;
  }

  async ok(args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args);
    assert.equal(code, 0, `mocker ${args.join(" ")}: ${stderr}`);
    return stdout.toString();
  }

  unmount(): void {
    this.#holder.kill();
  }
}

const rootOnly = { skip: process.getuid?.() !== 0 && "mounting needs root" };

test("VMs that end on a full disk end as they did, and can be waited for and removed", rootOnly, async () => {
  const mocker = new Mocker();
  const disk = await SmallDisk.mount(mocker, "64m");
  try {
    const go = join(mocker.dir, "go");
    mkdirSync(go);
    const tar = join(mocker.dir, "box.tar");
    await writeTar(tar, await busyboxEntries());
    await disk.ok(["import", tar, "box"]);
    const ends = (code: number) => [
      ...["-v", `${go}:/go:ro`, "box"],
      ...["sh", "-c", `echo begun; until [ -e /go/now ]; do sleep 0.05; done; exit ${code}`],
    ];
    await disk.ok(["run", "-d", "--name", "ends", ...ends(7)]);
    await disk.ok(["run", "-d", "--name", "killed", "box", "sleep", "1000"]);
    const foreground = disk.start(["run", "--name", "shown", ...ends(5)]);
    await retry(async () => /begun/.test((await disk.run(["logs", "shown"])).stdout.toString()));
    disk.fill();
    writeFileSync(join(go, "now"), "");
    assert.equal(await disk.ok(["wait", "ends"]), "7\n");
    assert.equal((await foreground.exited).code, 5);
    await disk.ok(["kill", "killed"]);
    const states = ["ps", "-a", "--format", "{{.Names}} {{.Status}}"];
    const wanted = /^shown Exited \(5\)[\s\S]*\nkilled Exited \(137\)[\s\S]*\nends Exited \(7\)/;
    assert.match(await disk.ok(states), wanted);
    // The room that was kept for the exit records is free again.
    disk.fill();
    const created = await disk.run(["create", "--name", "more", "box", "true"]);
    assert.match(created.stderr, /no space left on device/);
    // The next engine knows it from the disk, full as it is.
    process.kill(await mocker.enginePid(), "SIGKILL");
    assert.match(await disk.ok(states), wanted);
    await disk.ok(["rm", "ends"]);
    await disk.ok(["rm", "-f", "shown", "killed"]);
    assert.equal(await disk.ok(["ps", "-aq"]), "");
    disk.empty();
    assert.match(await disk.ok(["system", "check"]), /: no problems\n$/);
  } finally {
    await mocker.close();
    disk.unmount();
  }
});

test("a start that a full disk ends says so, wherever it fails", rootOnly, async () => {
  const mocker = new Mocker();
  const disk = await SmallDisk.mount(mocker, "64m");
  try {
    const tar = join(mocker.dir, "box.tar");
    await writeTar(tar, await busyboxEntries());
    await disk.ok(["import", tar, "box"]);
    const status = ["ps", "-a", "--format", "{{.Status}}"];
    let failures = 0;
    for (let freeKiB = 0; freeKiB <= 32; freeKiB += 4) {
      assert.equal((await disk.run(["run", "--name", "ends", "box", "sh", "-c", "exit 7"])).code, 7);
      disk.fillTo(freeKiB << 10);
      const { code, stderr } = await disk.run(["start", "-a", "ends"]);
      if (code !== 7) {
        failures++;
        assert.match(stderr, /no space left on device|a full disk/, `with ${freeKiB} KiB: ${code}`);
      }
      assert.doesNotMatch(await disk.ok(status), /137/, `with ${freeKiB} KiB`);
      disk.empty();
      await disk.ok(["rm", "-f", "ends"]);
    }
    assert.ok(failures > 0, "there was always room");
  } finally {
    await mocker.close();
    disk.unmount();
  }
});

test("an engine without descriptors comes back to order", async () => {
  const mocker = new Mocker();
  try {
    await mocker.ok(["run", "--rm", "hello"]);
    const engine = await mocker.enginePid();
    const limit = (count: string) => spawnSync("prlimit", ["--pid", String(engine), `--nofile=${count}:`]);
    const used = readdirSync(`/proc/${engine}/fd`).length;
    let failures = 0;
    // Not enough for one start; enough for one or two at once.
    for (const [free, count] of [
      [5, 6],
      [20, 20],
    ] as const) {
      assert.equal(limit(String(used + free)).status, 0);
      const names = Array.from({ length: count }, (_, n) => `u${free}-${n}`);
      const runs = await Promise.all(names.map((name) => mocker.run(["run", "-d", "--name", name, "hello"])));
      failures += runs.filter(({ code }) => code !== 0).length;
    }
    assert.ok(failures > 0, "there were descriptors enough");
    assert.equal(limit("4096").status, 0);
    // With the load gone nothing runs that the engine does not know, and nothing is left that cannot be
    // removed.
    await retry(async () => (await mocker.ok(["ps", "-q"])) === "", { what: "the end of all VMs" });
    const known = (await mocker.ok(["ps", "-a", "--format", "{{.Names}}"])).split("\n").filter(Boolean);
    if (known.length > 0) await mocker.ok(["rm", "-f", ...known]);
    await retry(() => monitorsOf(mocker.dataDir).length === 0, { what: "the end of all monitors" });
    assert.equal(await mocker.ok(["ps", "-aq"]), "");
    assert.match(await mocker.ok(["system", "check", "--repair"]), /: no problems/);
    assert.deepEqual(readdirSync(join(mocker.dataDir, "state")), []);
    assert.deepEqual(readdirSync(join(mocker.runDir, "vm")), []);
  } finally {
    await mocker.close();
  }
});
