import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRegistry } from "../../fixtures/registry.ts";
import { runTool } from "../../support/host.ts";
import { Mocker } from "../../support/mocker.ts";
import { rootDir } from "../../support/paths.ts";
import { retry } from "../../support/retry.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { bars } from "../bars.ts";
import { hostMemoryMiB, interleaved, processTree, type Row, time } from "../measure.ts";

const cpus = 1;
const memoryMiB = 512;
const size = ["--cpus", String(cpus), "--memory", `${memoryMiB}m`];

/** Start, exec and memory of a VM against a minimal program on the same libkrun, which is in `floor`. */
export async function runInLab(rounds: number, floor: string): Promise<Row[]> {
  const libraries = join(rootDir(), "dist/native");
  const root = join(tmpDir(), "root");
  // The floor's root is a folder on the same disk as Mocker's state.
  await runTool("cp", ["-a", join(floor, "root"), root]);
  const console = join(tmpDir(), "console");
  const floorEnv = { ...process.env, LD_LIBRARY_PATH: floor };
  const floorArgv = [
    join(floor, "floor"),
    join(libraries, "libkrun.so.1"),
    root,
    String(cpus),
    String(memoryMiB),
    console,
  ];
  const runFloor = async () => {
    rmSync(console, { force: true });
    const took = await time(floorArgv, { env: floorEnv });
    if (!readFileSync(console, "utf8").includes("ran"))
      throw new Error("the floor's guest did not run /bin/true");
    return took;
  };

  const registry = await startRegistry({ images: ["busybox"] });
  const mocker = new Mocker();
  try {
    const image = `${registry.host}/busybox`;
    await mocker.ok(["pull", "-q", image]);
    const timeMocker = (...args: string[]) =>
      time(mocker.argv(args), { env: mocker.environment(), cwd: mocker.dir });

    const run = await interleaved(
      "run",
      rounds,
      () => timeMocker("run", "--rm", "--runtime", "krun", ...size, image, "true"),
      runFloor,
    );
    await mocker.ok(["run", "-d", "--name", "held", "--runtime", "krun", ...size, image, "sleep", "100000"]);
    const exec = await interleaved(
      "exec",
      rounds,
      () => timeMocker("exec", "held", "true"),
      () => time([process.execPath, "-e", "0"]),
    );

    const [inspected] = JSON.parse(await mocker.ok(["inspect", "held"])) as [{ State: { Pid: number } }];
    const memory = hostMemoryMiB(processTree(inspected.State.Pid), memoryMiB);
    writeFileSync(join(root, "hold"), "");
    rmSync(console, { force: true });
    const [program = "", ...args] = floorArgv;
    const held = spawn(program, args, { env: floorEnv, stdio: "ignore" });
    await retry(() => existsSync(console) && readFileSync(console, "utf8").includes("ran"), {
      what: "the boot",
    });
    const floorMemory = hostMemoryMiB([held.pid ?? 0], memoryMiB);
    held.kill("SIGKILL");
    await mocker.ok(["rm", "-f", "held"]);

    const program40 = "40 lines of C on libkrun";
    return [
      { what: "run --rm IMAGE true (lab)", unit: "ms", ...run, peerName: program40, bar: bars.run },
      { what: "exec VM true (lab)", unit: "ms", ...exec, peerName: "node -e 0", bar: bars.exec },
      {
        what: "host memory of a VM, PSS (lab)",
        unit: "MiB",
        ours: [memory],
        peer: [floorMemory],
        peerName: program40,
        bar: bars.memory,
      },
    ];
  } finally {
    await mocker.close();
    await registry.stop();
  }
}
