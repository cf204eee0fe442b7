import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync } from "node:fs";
import { setPriority } from "node:os";
import { dirname, join } from "node:path";
import { rootDir } from "../support/paths.ts";
import type { Selection, Suite } from "./arguments.ts";
import { bundleTests, type TestBundles } from "./bundle-tests.ts";
import { ended } from "./child.ts";
import { RunDirectory } from "./run-directory.ts";
import { SuiteTally, type Tally } from "./tally.ts";

const minute = 60_000;
/** For a whole suite, beside others, on a machine that is three times as slow as usual. */
const limitsMs: Record<Suite, number> = {
  check: 10 * minute,
  unit: 30 * minute,
  native: 25 * minute,
  engine: 25 * minute,
  extension: 35 * minute,
  lab: 50 * minute,
};
const inBackground = new Set<Suite>(["unit", "native", "engine"]);

/** For one test file of a suite that has a process for each. */
const fileLimitMs = 10 * minute;

/** Another user than this process's, and what its environment has besides. */
export interface RunAs {
  uid?: number;
  gid?: number;
  env?: Record<string, string>;
}

/** One suite of a test run: its bundled test files, its temporary directory, its time limit. */
export class SuiteRun {
  readonly directory = new RunDirectory();
  readonly limitMs: number;

  constructor(
    readonly suite: Suite,
    readonly selection: Selection,
    readonly tally: Tally,
  ) {
    this.limitMs = limitsMs[suite];
  }

  close(): void {
    this.directory.close();
  }

  /** Bundles the selected test files for which `keep` is true; undefined when there are none. */
  async bundles(keep: (file: string) => boolean = () => true): Promise<TestBundles | undefined> {
    const { pattern } = this.selection;
    const all = testFiles(`test/${this.suite}`);
    const matching = pattern === undefined ? all : all.filter((file) => file.includes(pattern));
    const chosen = (matching.length > 0 ? matching : all).filter(keep);
    if (chosen.length === 0) return undefined;
    const bundles = await bundleTests(chosen, mkdtempSync(join(this.directory.path, `${this.suite}-`)));
    // Other users read them.
    chmodSync(dirname(bundles.all), 0o755);
    return bundles;
  }

  /** The pattern where it selects tests by name, because it selects no file. */
  namePattern(bundles: TestBundles): string | undefined {
    const { pattern } = this.selection;
    const byFile =
      pattern === undefined || [...bundles.sources.values()].every((file) => file.includes(pattern));
    return byFile ? undefined : pattern;
  }

  /** The pattern as an argument of node's test runner. */
  nameArgs(bundles: TestBundles): string[] {
    const pattern = this.namePattern(bundles);
    return pattern === undefined ? [] : [`--test-name-pattern=${pattern}`];
  }

  /** One process per test file, two at a time. */
  async runFiles(title: string, bundles: TestBundles, as: RunAs = {}): Promise<void> {
    const how = ["--test", "--test-concurrency=2", `--test-timeout=${fileLimitMs}`];
    const args = [...bundles.reporterArgs, ...this.nameArgs(bundles), ...how, ...bundles.files];
    await this.runNode(title, bundles, args, as);
  }

  /** Runs node with arguments that make it report `bundles`' tests. */
  async runNode(title: string, bundles: TestBundles, args: string[], as: RunAs = {}): Promise<void> {
    const suite = new SuiteTally(this.tally, title, bundles.sources);
    const { env, ...identity } = as;
    const checkout = env?.MOCKER_TEST_ROOT ?? rootDir();
    const child = spawn(process.execPath, args, {
      cwd: checkout,
      env: { ...process.env, TMPDIR: this.directory.path, ...nativeParts(checkout), ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      ...identity,
    });
    // Nobody's keys or clock wait for these: the lab and the editor beside them come first.
    if (inBackground.has(this.suite) && child.pid !== undefined) setPriority(child.pid, 10);
    child.stdout.on("data", suite.read);
    child.stderr.on("data", (data: Buffer) => suite.addOutput("", data.toString()));
    const problem = await ended(
      child,
      this.limitMs,
      () => `; unfinished: ${suite.unfinished().join(", ") || "nothing"}`,
    );
    // node --test exits with 1 when tests failed: they have been counted.
    suite.end(problem === "ended with 1" ? undefined : problem);
  }
}

/** Tests of native/ are bundled elsewhere than in dist/, next to which it looks. */
export function nativeParts(checkout: string): Record<string, string> {
  return { MOCKER_NATIVE_DIR: join(checkout, "dist", "native") };
}

function testFiles(directory: string): string[] {
  const path = join(rootDir(), directory);
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .flatMap((entry) => {
      const name = `${directory}/${entry.name}`;
      if (entry.isDirectory()) return testFiles(name);
      return name.endsWith(".test.ts") ? [name] : [];
    })
    .sort();
}
