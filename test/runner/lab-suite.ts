import { accessSync, constants, existsSync } from "node:fs";
import { Lab, labUserCheckout } from "../lab/lab.ts";
import { rootDir } from "../support/paths.ts";
import { nativeParts, type SuiteRun } from "./suite-run.ts";
import { SuiteTally } from "./tally.ts";
import { formatMs } from "./times.ts";

/**
 * Whether the suite needs the lab: this machine boots no ordinary microVMs by itself, or the lab was asked
 * for.
 */
export function needsLab(forced: boolean): boolean {
  return forced || !hasUsableKvm();
}

function hasUsableKvm(): boolean {
  // PVM's module offers a /dev/kvm in which ordinary guest kernels die.
  if (existsSync("/sys/module/kvm_pvm")) return false;
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The built product on real microVMs. */
export async function labSuite(run: SuiteRun): Promise<void> {
  const isUsers = (file: string) => file.startsWith("test/lab/user/");
  const asRoot = await run.bundles((file) => !isUsers(file));
  const asUser = await run.bundles(isUsers);
  const runs = [
    { title: "lab", bundles: asRoot, user: false },
    { title: "lab (user)", bundles: asUser, user: true },
  ];
  if (asRoot === undefined && asUser === undefined) return;
  if (!needsLab(run.selection.forceLab)) {
    for (const { title, bundles } of runs) {
      if (bundles === undefined) continue;
      const args = [...bundles.reporterArgs, ...run.nameArgs(bundles), bundles.all];
      await run.runNode(title.replace("lab", "kvm"), bundles, args);
    }
    return;
  }
  const guest = await Lab.boot({ expose: [run.directory.path] });
  process.stdout.write(`  lab: up after ${formatMs(guest.bootMs)}\n`);
  try {
    for (const { title, bundles, user } of runs) {
      if (bundles === undefined) continue;
      const suite = new SuiteTally(run.tally, title, bundles.sources);
      const args = [...bundles.reporterArgs, ...run.nameArgs(bundles), bundles.all];
      const result = await guest.run([process.execPath, ...args], {
        asUser: user,
        env: nativeParts(user ? labUserCheckout : rootDir()),
        timeoutMs: run.limitMs,
        onStdout: suite.read,
        onStderr: (data) => suite.addOutput("", data.toString()),
      });
      const problem = result.timedOut
        ? `no end after ${formatMs(run.limitMs)}; the lab's console says:\n${guest.consoleTail()}`
        : `ended with ${result.code}`;
      suite.end(!result.timedOut && result.code <= 1 ? undefined : problem);
    }
  } finally {
    await guest.close();
  }
}
