import { provideCodeServer } from "../extension/harness/code-server.ts";
import { usualImages } from "../fixtures/index.ts";
import { startRegistry } from "../fixtures/registry.ts";
import { hostileAgent } from "../lab/hostile-agent.ts";
import { labFiles } from "../lab/setup.ts";
import { SetupError } from "../support/host.ts";
import type { Suite } from "./arguments.ts";
import type { Tally } from "./tally.ts";

const progress = (text: string) => void process.stdout.write(`  ${text}\n`);

/** What suites need beside the build; most of it is kept in the cache directory. */
const steps = {
  "fixture images": async () => {
    const registry = await startRegistry({ images: usualImages });
    await registry.stop();
  },
  editor: async () => {
    if (process.env.MOCKER_TEST_EDITOR !== "desktop") await provideCodeServer(progress);
  },
  "lab's files": async () => {
    await labFiles(progress);
    // What is compiled in the lab takes its time there.
    await hostileAgent();
  },
};
export type Step = keyof typeof steps;

/** The steps that a suite needs; `lab` says whether real VMs need the lab on this machine. */
export function stepsOf(suite: Suite, lab: boolean): Step[] {
  if (suite === "engine") return ["fixture images"];
  if (suite === "extension") return ["fixture images", "editor"];
  if (suite === "lab") return ["fixture images", ...(lab ? (["lab's files"] as const) : [])];
  return [];
}

/** The set-up of a test run: each step is taken once. */
export class SetUp {
  readonly #tally: Tally;
  readonly #taken = new Map<Step, Promise<boolean>>();

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /**
   * Takes a step, unless that has begun. Never rejects: resolves to false when it failed, which has been
   * counted as a failure: other suites run all the same.
   */
  take(step: Step): Promise<boolean> {
    const begun = this.#taken.get(step);
    if (begun !== undefined) return begun;
    const done = this.#tally.times.part(`set-up: ${step}`, () => this.#try(step, steps[step]));
    this.#taken.set(step, done);
    return done;
  }

  /** Waits for a step that has begun: other suites use what it makes, too, and would make it themselves. */
  async settled(step: Step): Promise<void> {
    await this.#taken.get(step);
  }

  async #try(step: Step, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const known = error instanceof SetupError;
      this.#tally.fail(`set-up: ${step}`, known ? error.message : String((error as Error)?.stack ?? error));
      return false;
    }
  }
}
