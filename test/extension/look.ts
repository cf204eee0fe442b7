/**
 * Shows the packaged extension: builds and packages it, opens a stock editor in an empty home, runs the given
 * commands of the editor (`mocker.run`), leaves look-light.png and look-dark.png, and prints where. `--mocker
 * "run -d --name web hello"` runs the command line first; `--wait SECONDS` waits before the picture.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { runTool } from "../support/host.ts";
import { Mocker } from "../support/mocker.ts";
import { rootDir } from "../support/paths.ts";
import { Editor } from "./harness/editor.ts";
import { screenshotFolder } from "./harness/screenshots.ts";

async function look(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      mocker: { type: "string", multiple: true, default: [] },
      wait: { type: "string", default: "1" },
    },
    allowPositionals: true,
  });
  await runTool("npm", ["run", "build"], { cwd: rootDir() });
  const mocker = new Mocker();
  for (const line of values.mocker) process.stdout.write(await mocker.ok(line.split(" ")));
  const editor = await Editor.open({ mocker });
  try {
    await editor.showViews();
    for (const command of positionals) await editor.begin(command);
    await sleep(1000 * Number(values.wait));
    await editor.shoot("look");
    process.stdout.write(`${screenshotFolder()}/look-{light,dark}.png\n`);
  } finally {
    await editor.close();
  }
}

look().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${(error as Error)?.stack ?? String(error)}\n`);
    process.exit(1);
  },
);
