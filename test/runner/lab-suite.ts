import { accessSync, constants, existsSync } from "node:fs";
import { Lab, labUserCheckout } from "../lab/lab.ts";
import { rootDir } from "../support/paths.ts";
import type { TestBundles } from "./bundle-tests.ts";
import { nativeParts, type SuiteRun } from "./suite-run.ts";
import { SuiteTally } from "./tally.ts";
import { formatMs } from "./times.ts";

/** The file of those scenarios that the simulation has, too: about as long as all others together. */
const sharedScenarios = "test/lab/workload.test.ts";

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

/** A lab's test files that run in one process. */
interface Part {
  title: string;
  bundles: TestBundles;
  user: boolean;
}

/** The built product on real microVMs. */
export async function labSuite(run: SuiteRun): Promise<void> {
  const part = async (title: string, user: boolean, has: (file: string) => boolean): Promise<Part[]> => {
    const bundles = await run.bundles(has);
    return bundles === undefined ? [] : [{ title, bundles, user }];
  };
  const isUsers = (file: string) => file.startsWith("test/lab/user/");
  const isShared = (file: string) => file === sharedScenarios;
  const shared = await part("lab", false, isShared);
  const others = await part("lab", false, (file) => !isShared(file) && !isUsers(file));
  const users = await part("lab (user)", true, isUsers);
  if (!needsLab(run.selection.forceLab)) {
    for (const { title, bundles } of [...shared, ...others, ...users]) {
      const args = [...bundles.reporterArgs, ...run.nameArgs(bundles), bundles.all];
      await run.runNode(title.replace("lab", "kvm"), bundles, args);
    }
    return;
  }
  // A lab has one emulated CPU: two of them end sooner than one.
  const labs = [shared, [...others, ...users]].filter((parts) => parts.length > 0);
  const ends = await Promise.allSettled(labs.map((parts) => inLab(run, parts)));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

async function inLab(run: SuiteRun, parts: Part[]): Promise<void> {
  const guest = await Lab.boot({ expose: [run.directory.path] });
  process.stdout.write(`  lab: up after ${formatMs(guest.bootMs)}\n`);
  try {
    for (const { title, bundles, user } of parts) {
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
