import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { startRegistry } from "../fixtures/registry.ts";
import { Mocker } from "../support/mocker.ts";
import { bars } from "./bars.ts";
import { interleaved, progress, type Row, residentMiB, time } from "./measure.ts";

const manyVms = 1000;
const atOnce = 8;
const logBytes = 100e6;
const nodeStart = [process.execPath, "-e", "0"];

/** Short commands as they are felt, natively, beside Node's own start; and the engine's memory. */
export async function cliPart(rounds: number): Promise<Row[]> {
  const registry = await startRegistry({ images: ["busybox"] });
  const mocker = new Mocker();
  const many = new Mocker();
  try {
    const image = `${registry.host}/busybox`;
    const engine = await mocker.enginePid();
    const idle = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], { stdio: "ignore" });
    await sleep(2000);
    const memory = { ours: [residentMiB(engine)], peer: [residentMiB(idle.pid ?? 0)] };
    idle.kill();
    const common = { unit: "ms", peerName: "node -e 0" } as const;
    const beside = (what: string, ours: () => Promise<number>) =>
      interleaved(what, rounds * 4, ours, () => time(nodeStart, { env: mocker.environment() }));

    const ps = await beside("ps", () => command(mocker, "ps"));
    await mocker.ok(["run", "-d", "--name", "held", "--runtime", "simulation", image, "sleep", "100000"]);
    const exec = await beside("exec", () => command(mocker, "exec", "held", "true"));

    const writing = `yes ${"x".repeat(99)} | head -c ${logBytes}`;
    await mocker.ok(["run", "--name", "wordy", "--runtime", "simulation", image, "sh", "-c", writing]);
    const logs = await interleaved(
      "logs",
      rounds,
      () => command(mocker, "logs", "wordy"),
      async () => (logBytes / bars.logsBytesPerSecond) * 1000,
    );

    await makeVms(many, image);
    const ofMany = await interleaved(
      `ps beside ${manyVms} VMs`,
      rounds * 4,
      () => command(many, "ps"),
      () => command(mocker, "ps"),
    );

    return [
      { what: "ps", ...common, ...ps, bar: bars.ps },
      { what: "exec VM true (simulation)", ...common, ...exec, bar: bars.execNatively },
      { what: "logs of 100 MB", unit: "ms", peerName: "100 MB/s", ...logs, bar: 1 },
      {
        what: `ps beside ${manyVms} VMs`,
        unit: "ms",
        peerName: "ps beside one",
        ...ofMany,
        bar: bars.psOfMany,
      },
      { what: "engine, idle, RSS", unit: "MiB", peerName: "node, idle", ...memory, bar: bars.engineMemory },
    ];
  } finally {
    await mocker.close();
    await many.close();
    await registry.stop();
  }
}

function command(mocker: Mocker, ...args: string[]): Promise<number> {
  return time(mocker.argv(args), { env: mocker.environment(), cwd: mocker.dir });
}

async function makeVms(mocker: Mocker, image: string): Promise<void> {
  await mocker.ok(["pull", "-q", image]);
  progress(`making ${manyVms} VMs`);
  const make = async (first: number): Promise<void> => {
    for (let number = first; number < manyVms; number += atOnce)
      await mocker.ok(["create", "--name", `vm${number}`, "--runtime", "simulation", image, "true"]);
  };
  await Promise.all(Array.from({ length: atOnce }, (_, first) => make(first)));
}
