import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { RuntimeName } from "../../engine/protocol/engine.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { Mocker } from "../support/mocker.ts";
import { inLab } from "../support/paths.ts";
import { killQuietly } from "../support/processes.ts";
import { retry } from "../support/retry.ts";

/** What boot.sh has delegated to the lab's ordinary user. */
const delegated = "/sys/fs/cgroup/user";
const mebibyte = 1024 * 1024;

interface VmCgroup {
  path: string;
  /** Of the VMM, or of the simulation's first process. */
  childPid: number;
  monitorPid: number;
}

/** The limits that VMs' processes have by cgroup v2, for the user who runs this. */
export function cgroupTests(): void {
  const isRoot = process.getuid?.() === 0;
  describe("cgroups of VMs", { skip: inLab ? false : "not in the lab" }, () => {
    const mocker = new Mocker();
    let registry: Registry;
    let image: string;
    before(async () => {
      registry = await startRegistry();
      image = `${registry.host}/busybox`;
      startEngine();
      await mocker.ok(["pull", "-q", image]);
    });
    after(async () => {
      await mocker.close();
      await registry?.stop();
    });

    /** A user's in a cgroup that has nobody else, as a service or a scope of systemd's has. */
    function startEngine(): void {
      const scope = join(delegated, "engine");
      const leaf = join(scope, "mocker-engine");
      if (!isRoot && !existsSync(scope)) mkdirSync(scope);
      const enter = isRoot ? "/dev/null" : join(existsSync(leaf) ? leaf : scope, "cgroup.procs");
      const script = 'echo $$ >"$0"; exec "$@"';
      execFileSync("sh", ["-c", script, enter, ...mocker.argv(["info"])], { env: mocker.environment() });
    }

    function cgroupOf(pid: number): string {
      const own = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "";
      return join("/sys/fs/cgroup", own);
    }

    async function inspect(name: string) {
      const [vm] = JSON.parse(await mocker.ok(["inspect", name]));
      return vm;
    }

    async function running(name: string): Promise<VmCgroup> {
      const { Mocker: own, State } = await inspect(name);
      const layer = own.jail.find((one: { name: string }) => one.name === "cgroup");
      assert.deepEqual(layer, { name: "cgroup", on: true, detail: "memory, pids, cpu" });
      const { childPid } = JSON.parse(readFileSync(join(own.stateDir, "runtime.json"), "utf8"));
      return { path: cgroupOf(childPid), childPid, monitorPid: State.Pid };
    }

    /** The engine that a client has started is where its client was. */
    async function restartEngine(): Promise<void> {
      process.kill(await mocker.enginePid(), "SIGKILL");
      startEngine();
    }

    const read = (path: string, file: string): string => readFileSync(join(path, file), "utf8").trim();
    const isGone = (path: string) => retry(() => !existsSync(path), { what: `the end of ${path}` });

    for (const runtime of ["krun", "simulation"] satisfies RuntimeName[]) {
      const run = ["run", "-d", "--network", "none", "--runtime", runtime, "-m", "128m", "--cpus", "1"];

      test(`${runtime}: what uses more than it may is refused or killed, whatever became of the engine`, async () => {
        if (!isRoot && runtime === "simulation") await restartEngine();
        await mocker.ok([...run, "--name", "greedy", image, "sleep", "100000"]);
        const { path, childPid, monitorPid } = await running("greedy");
        assert.equal(dirname(path), isRoot ? "/sys/fs/cgroup/mocker" : join(delegated, "engine"));
        const members = read(path, "cgroup.procs").split("\n").map(Number);
        assert.ok(members.includes(childPid) && !members.includes(monitorPid), `${members}`);
        const limit = (file: string) => read(path, file);
        if (runtime === "krun") {
          assert.equal(limit("memory.max"), String((128 + 4 + 256) * mebibyte));
          assert.deepEqual([limit("pids.max"), limit("cpu.max")], ["67", "200000 100000"]);
          // No more in use than was reckoned with.
          assert.ok(Number(limit("memory.current")) < (128 + 64) * mebibyte, limit("memory.current"));
        } else {
          assert.equal(limit("memory.max"), String(128 * mebibyte));
          assert.deepEqual([limit("pids.max"), limit("cpu.max")], ["2048", "100000 100000"]);
          await mocker.ok(["update", "-m", "160m", "greedy"]);
          assert.equal(limit("memory.max"), String(160 * mebibyte));
        }
        // There is but one CPU, of which no VM can be given fewer.
        const own = limit("cpu.max");
        writeFileSync(join(path, "cpu.max"), "max");
        await mocker.ok(["update", "--cpus", "1", "greedy"]);
        assert.equal(limit("cpu.max"), own);
        if (runtime === "simulation") {
          // Fewer, for the time that 2048 take.
          writeFileSync(join(path, "pids.max"), "64");
          const forks = "while sleep 100000 >/dev/null 2>&1 & do :; done";
          const { stderr } = await mocker.run(["exec", "greedy", "sh", "-c", forks]);
          assert.match(stderr, /can't fork/);
          assert.match(read(path, "pids.events"), /^max [1-9]/m);
          writeFileSync(join(path, "pids.max"), "2048");
        }
        killQuietly(await mocker.enginePid());
        // A guest has no way to make its VMM use more: the limit comes down to it instead.
        if (runtime === "krun") writeFileSync(join(path, "memory.max"), String(32 * mebibyte));
        else
          await mocker.run(["exec", "greedy", "dd", "if=/dev/zero", "of=/dev/shm/x", "bs=1M", "count=200"]);
        assert.equal(await mocker.ok(["wait", "greedy"]), "137\n");
        const { State } = await inspect("greedy");
        assert.deepEqual([State.ExitCode, State.OOMKilled], [137, true]);
        assert.match(State.Error, /used more memory than they may/);
        await isGone(path);
        await mocker.ok(["rm", "greedy"]);
      });

      // The lab's time is dear: each is shown once.
      if (runtime !== (isRoot ? "krun" : "simulation")) continue;
      test(`${runtime}: what a monitor that was killed leaves is removed by the next engine`, async () => {
        if (!isRoot) await restartEngine();
        await mocker.ok([...run, "--name", "left", image, "sleep", "100000"]);
        const { path, childPid, monitorPid } = await running("left");
        for (const pid of [await mocker.enginePid(), monitorPid]) process.kill(pid, "SIGKILL");
        await mocker.waitForProcessEnd(childPid);
        assert.ok(existsSync(path));
        assert.match(
          await mocker.ok(["ps", "-a", "--format", "{{.Names}} {{.Status}}"]),
          /left Exited \(137\)/,
        );
        await isGone(path);
        assert.equal((await inspect("left")).State.OOMKilled, false);
        await mocker.ok(["rm", "left"]);
      });
    }
  });
}
