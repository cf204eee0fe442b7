import { parseArgs } from "node:util";
import { startRegistry } from "../fixtures/registry.ts";
import { runCampaign } from "./campaign.ts";

const usage = `Usage: npm run faults [-- --kills N] [--seed N]
Random commands on many simulated VMs, while engine, monitors, machines, networks and clients are killed or stopped,
the disk is filled and descriptors run out, until N (default 1000) processes were killed. After each round it is
checked that nothing is lost, stuck or left. As root the data are on a small file system of their own.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { kills: { type: "string" }, seed: { type: "string" } } });
  const kills = Number(values.kills ?? 1000);
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  if (!(Number.isInteger(kills) && kills > 0 && Number.isInteger(seed))) {
    process.stderr.write(usage);
    return 2;
  }
  const registry = await startRegistry();
  try {
    process.stdout.write(`seed ${seed}\n`);
    const image = `${registry.host}/busybox`;
    const say = (text: string): void => void process.stdout.write(`${text}\n`);
    say(await runCampaign({ seed, kills, image, onRound: say }));
    return 0;
  } finally {
    await registry.stop();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
