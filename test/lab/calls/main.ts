// What the VMM asks of its kernel while the scenarios run in the lab, against the list of what it may.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { allScenarios } from "../../scenarios/all.ts";
import { inLab, rootDir } from "../../support/paths.ts";
import { Lab } from "../lab.ts";
import { readAllowList } from "./allow-list.ts";
import { countCalls } from "./call-counts.ts";
import { makeTracedParts } from "./traced-parts.ts";

function report(traces: string): void {
  const { allowed, checked } = readAllowList(rootDir());
  const counts = countCalls(traces);
  const lines = [...counts].sort(([, one], [, other]) => other.count - one.count);
  process.stdout.write("# System calls that are not in the list, with what came of them:\n");
  for (const [name, { count, errors }] of lines) {
    if (allowed.has(name) || checked.has(name)) continue;
    process.stdout.write(`#   ${name}: ${count}, ${[...errors].join(" ") || "done"}\n`);
  }
  process.stdout.write("# Whose arguments are looked at, and which failed:\n");
  for (const [name, { count, errors }] of lines) {
    if (checked.has(name) && errors.size > 0)
      process.stdout.write(`#   ${name}: ${count}, ${[...errors].join(" ")}\n`);
  }
  const unseen = [...allowed].filter((name) => !counts.has(name)).sort();
  process.stdout.write(`# In the list, and never seen:\n#   ${unseen.join(" ")}\n`);
}

async function main(): Promise<number> {
  const lab = await Lab.boot();
  try {
    const [pattern] = process.argv.slice(2);
    const only = pattern === undefined ? [] : ["--test-name-pattern", pattern];
    const argv = [process.execPath, ...only, join(rootDir(), "test", "lab", "calls", "record.mjs")];
    const onOutput = (data: Buffer): boolean => process.stdout.write(data);
    const { code } = await lab.run(argv, { onStdout: onOutput, onStderr: onOutput });
    return code;
  } finally {
    await lab.close();
  }
}

if (inLab) {
  const directory = mkdtempSync(join(tmpdir(), "calls-"));
  const traces = join(directory, "traces");
  process.env.MOCKER_NATIVE_DIR = makeTracedParts(join(rootDir(), "dist", "native"), directory, traces);
  after(() => report(traces));
  allScenarios("krun");
} else {
  main().then(
    (code) => process.exit(code),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(2);
    },
  );
}
