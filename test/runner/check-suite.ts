import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rootDir } from "../support/paths.ts";
import { runCommand } from "./child.ts";
import type { SuiteRun } from "./suite-run.ts";

/** The commands of `npm run check`, each of which counts as one test. */
export async function checkSuite({ selection, tally, limitMs }: SuiteRun): Promise<void> {
  if (selection.pattern !== undefined) return;
  const manifest = JSON.parse(readFileSync(join(rootDir(), "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const command of (manifest.scripts.check ?? "").split("&&").map((text) => text.trim())) {
    const started = performance.now();
    const [program = "", ...args] = command.split(" ");
    const path = program === "node" ? process.execPath : join(rootDir(), "node_modules/.bin", program);
    const problem = await runCommand(path, args, limitMs);
    if (problem === undefined) tally.pass(`check: ${command}`, performance.now() - started);
    else tally.fail(`check: ${command}`, problem);
  }
}
