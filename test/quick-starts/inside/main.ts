// Runs where the VMs are to be: on this machine, or in the lab. Arguments: NAME=LAYOUT…

import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Mocker } from "../../support/mocker.ts";
import { inLab } from "../../support/paths.ts";
import { retry } from "../../support/retry.ts";
import type { ServiceName } from "../images.ts";
import { quickStarts } from "../services.ts";

const runtime = inLab ? "krun" : "simulation";

/** Types one quick start and asks the service; returns how long that took. Throws with the VM's logs. */
async function start(mocker: Mocker, name: ServiceName, layout: string): Promise<number> {
  const { command, files = {}, port, ask, answer } = quickStarts[name];
  const image = (await mocker.ok(["pull", "-q", `oci:${layout}:latest`])).trim();
  await mocker.ok(["tag", image, name]);
  const cwd = mkdtempSync(join(mocker.dir, `${name}-`));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(cwd, dirname(path)), { recursive: true });
    writeFileSync(join(cwd, path), text);
  }
  const [verb = "", ...rest] = command;
  const started = performance.now();
  await mocker.ok([verb, "--runtime", runtime, ...rest], { cwd });
  try {
    await retry(
      async () => {
        const text = await ask(port);
        if (!answer.test(text)) throw new Error(`answered ${JSON.stringify(text.slice(0, 300))}`);
        return true;
      },
      { timeoutMs: 60_000, intervalMs: 250 },
    );
  } catch (error) {
    const logs = await mocker.run(["logs", "--tail", "40", name]);
    throw new Error(`${String(error)}\n${logs.stdout.toString()}${logs.stderr}`);
  }
  const took = performance.now() - started;
  await mocker.ok(["rm", "-f", "-v", name]);
  return took;
}

async function main(): Promise<void> {
  let failed = 0;
  const mocker = new Mocker();
  try {
    for (const argument of process.argv.slice(2)) {
      const [name = "", layout = ""] = argument.split("=");
      const line = `mocker ${quickStarts[name as ServiceName].command.join(" ")}`;
      try {
        const took = await start(mocker, name as ServiceName, layout);
        process.stdout.write(`ok      ${(took / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
      } catch (error) {
        failed++;
        process.stdout.write(
          `FAILED            ${line}\n${error instanceof Error ? error.message : error}\n`,
        );
        await mocker.run(["rm", "-f", "-v", name]);
      }
    }
  } finally {
    await mocker.close();
  }
  process.exitCode = failed === 0 ? 0 : 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 2;
});
