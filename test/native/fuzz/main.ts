import { parseArgs } from "node:util";
import { FuzzProgram, fuzzTargets } from "./fuzz-program.ts";

const usage = `Usage: npm run fuzz [-- [--seconds N] [--seed N] [TARGET…]]
Gives the targets of test/native/programs/fuzz-targets.cc inputs, each for N (default 60) seconds:
${fuzzTargets().join(", ")}
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: "string" }, seed: { type: "string" } },
  });
  const seconds = Number(values.seconds ?? 60);
  const seed = Number(values.seed ?? Date.now() % 2 ** 31);
  const isKnown = positionals.every((name) => fuzzTargets().includes(name));
  if (!(seconds > 0 && Number.isInteger(seed) && isKnown)) {
    process.stderr.write(usage);
    return 2;
  }
  const program = new FuzzProgram();
  await program.build();
  process.stdout.write(`seed ${seed}\n`);
  for (const target of positionals.length > 0 ? positionals : fuzzTargets()) {
    process.stdout.write(`${target}: ${program.run(target, seconds, seed)}\n`);
  }
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
