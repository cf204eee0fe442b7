import { join } from "node:path";
import { screenshotFolder } from "../extension/harness/screenshots.ts";
import { rootDir } from "../support/paths.ts";
import { bundleProgram } from "./bundle-tests.ts";
import type { SuiteRun } from "./suite-run.ts";

/** Mocha in one process, so that the editors run one after the other and the package is made once. */
export async function extensionSuite(run: SuiteRun): Promise<void> {
  const bundles = await run.bundles();
  if (bundles === undefined) return;
  const runner = await bundleProgram("test/extension/main.ts", run.directory.path);
  const pattern = run.namePattern(bundles);
  const byName = pattern === undefined ? [] : [`--grep=${pattern}`];
  await run.runNode("extension", bundles, [runner, ...byName, ...bundles.files], {
    env: { NODE_PATH: join(rootDir(), "node_modules") },
  });
  process.stdout.write(`  extension: screenshots are in ${screenshotFolder()}\n`);
}
