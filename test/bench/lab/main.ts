// Runs inside the lab: real VMs. Arguments: PART ROUNDS DIRECTORY. Prints its rows as JSON.

import type { Row } from "../measure.ts";
import { diskInLab } from "./disk.ts";
import { networkInLab } from "./network.ts";
import { runInLab } from "./run.ts";

const parts: Record<string, (rounds: number, directory: string) => Promise<Row[]>> = {
  run: runInLab,
  disk: diskInLab,
  network: networkInLab,
};

const [name = "", rounds, directory = ""] = process.argv.slice(2);
Promise.resolve(parts[name]?.(Number(rounds), directory)).then(
  (rows) => process.stdout.write(`\nROWS ${JSON.stringify(rows)}\n`),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).stack}\n`);
    process.exitCode = 1;
  },
);
