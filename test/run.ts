import { spawn } from "node:child_process";
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { provideCodeServer } from "./extension/harness/code-server.ts";
import { screenshotFolder } from "./extension/harness/screenshots.ts";
import { usualImages } from "./fixtures/index.ts";
import { startRegistry } from "./fixtures/registry.ts";
import { Lab, labUserCheckout } from "./lab/lab.ts";
import { bundleProgram, bundleTests, type TestBundles } from "./support/bundle-tests.ts";
import { runTool, SetupError } from "./support/host.ts";
import { cacheDir, rootDir } from "./support/paths.ts";
import { killQuietly, processesMentioning } from "./support/processes.ts";
import { formatMs, SuiteTally, Tally } from "./support/tally.ts";
import { makeTestUser } from "./support/test-user.ts";

const usage = `Usage: npm test [-- [SUITE…] [PATTERN] [--lab]]
  check    types, lint, import rules, unused code
  unit     test/unit
  native   test/native: the addon, the monitor and the guest agent, as programs and under the sanitizers
  engine   test/engine: the built product on the simulation runtime, as this user and (when root) as an ordinary one
  extension  test/extension: the packaged extension in a real VS Code, on the simulation runtime; leaves screenshots
  lab      test/lab: the built product on real microVMs; in the lab where this machine's KVM cannot run them
PATTERN selects test files whose path contains it or, when there are none, tests by name (a regular expression).
--lab uses the lab even on a machine whose KVM is good.
`;

const suites = ["check", "unit", "native", "engine", "extension", "lab"] as const;
type Suite = (typeof suites)[number];

/** What runs when nothing is named. */
const usualSuites: Suite[] = [...suites];

const minute = 60_000;
/** For a whole suite. */
const limitsMs: Record<Suite, number> = {
  check: 5 * minute,
  unit: 12 * minute,
  native: 8 * minute,
  engine: 10 * minute,
  extension: 15 * minute,
  lab: 25 * minute,
};
/** For one test file of a suite that has a process for each. */
const fileLimitMs = { unit: 4 * minute, native: 4 * minute, engine: 5 * minute };

interface Selection {
  suites: Suite[];
  pattern: string | undefined;
  forceLab: boolean;
}

const tally = new Tally();
const root = rootDir();

function parseArguments(args: string[]): Selection | undefined {
  const chosen: Suite[] = [];
  let pattern: string | undefined;
  let forceLab = false;
  for (const arg of args) {
    const suite = suites.find((name) => name === arg);
    if (suite !== undefined && pattern === undefined) chosen.push(suite);
    else if (arg === "--lab") forceLab = true;
    else if (arg.startsWith("-") || pattern !== undefined) return undefined;
    else pattern = arg;
  }
  return { suites: chosen.length === 0 ? usualSuites : chosen, pattern, forceLab };
}

async function main(): Promise<number> {
  const selection = parseArguments(process.argv.slice(2));
  if (selection === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  // Sockets live below: the path must be short.
  const folder = mkdtempSync(join(tmpdir(), "mt-"));
  chmodSync(folder, 0o755);
  const onSignal = () => {
    killMentioning(folder);
    rmSync(folder, { recursive: true, force: true });
    process.exit(130);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, onSignal);
  try {
    await runSuites(selection, folder);
  } finally {
    killMentioning(folder);
    rmSync(folder, { recursive: true, force: true });
  }
  return tally.report();
}

async function runSuites(selection: Selection, folder: string): Promise<void> {
  const wants = (suite: Suite) => selection.suites.includes(suite);
  const built = await timed("build", () => runStep("npm run build", "npm", ["run", "build"], 20 * minute));
  if (!built) return;
  if (wants("check") && selection.pattern === undefined) await timed("check", check);
  let fixtures = true;
  if (wants("engine") || wants("extension") || wants("lab")) {
    fixtures = await timed("fixtures", () =>
      prepared("fixtures", async () => {
        const registry = await startRegistry({ images: usualImages });
        await registry.stop();
      }),
    );
  }
  for (const suite of ["unit", "native"] as const) {
    if (!wants(suite)) continue;
    await timed(suite, async () => {
      const bundles = await bundlesOf(suite, selection.pattern, folder);
      if (bundles) await runFiles(suite, suite, bundles, selection.pattern, folder);
    });
  }
  if (!fixtures) return;
  if (wants("engine")) await timed("engine", () => prepared("engine", () => engine(selection, folder)));
  if (wants("extension")) {
    await timed("extension", () => prepared("extension", () => extension(selection, folder)));
  }
  if (wants("lab")) await timed("lab", () => prepared("lab", () => lab(selection, folder)));
}

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  process.stdout.write(`# ${name}\n`);
  const started = performance.now();
  try {
    return await work();
  } finally {
    process.stdout.write(`# ${name}: ${formatMs(performance.now() - started)}\n`);
  }
}

/** Counts what this machine lacks for a suite as a failure, so that the other suites run all the same. */
async function prepared(title: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    tally.fail(title, error.message);
    return false;
  }
}

/** The commands of `npm run check`, each of which counts as one test. */
async function check(): Promise<void> {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const command of (manifest.scripts.check ?? "").split("&&").map((text) => text.trim())) {
    const started = performance.now();
    const [program = "", ...args] = command.split(" ");
    if (await runStep(`check: ${command}`, join(root, "node_modules/.bin", program), args, limitsMs.check)) {
      tally.pass(`check: ${command}`, performance.now() - started);
    }
  }
}

/** Runs a command; a failure is counted and shown with its output. */
async function runStep(title: string, program: string, args: string[], limitMs: number): Promise<boolean> {
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const output: Buffer[] = [];
  child.stdout.on("data", (data: Buffer) => output.push(data));
  child.stderr.on("data", (data: Buffer) => output.push(data));
  const problem = await ended(child, limitMs, () => "");
  if (problem === undefined) return true;
  tally.fail(title, `${problem}\n${Buffer.concat(output).toString()}`);
  return false;
}

/** Waits for a child that leads a process group; kills the group when the time is over. Says what went wrong. */
function ended(
  child: ReturnType<typeof spawn>,
  limitMs: number,
  unfinished: () => string,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let late: string | undefined;
    const timer = setTimeout(() => {
      late = `no end after ${formatMs(limitMs)}${unfinished()}`;
      killQuietly(-(child.pid ?? 0));
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, limitMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      resolve(error.message);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve(late ?? (code === 0 ? undefined : `ended with ${code ?? signal}`));
    });
  });
}

function testFiles(folder: string): string[] {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .flatMap((entry) => {
      const name = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return testFiles(name);
      return name.endsWith(".test.ts") ? [name] : [];
    })
    .sort();
}

async function bundlesOf(
  suite: Suite,
  pattern: string | undefined,
  folder: string,
  keep: (file: string) => boolean = () => true,
): Promise<TestBundles | undefined> {
  const all = testFiles(`test/${suite}`).filter(keep);
  const matching = pattern === undefined ? all : all.filter((file) => file.includes(pattern));
  const chosen = matching.length > 0 ? matching : all;
  if (chosen.length === 0) return undefined;
  return await bundleTests(chosen, mkdtempSync(join(folder, `${suite}-`)));
}

/** Selects tests by name, when the pattern selects no file. */
function nameArgs(bundles: TestBundles, pattern: string | undefined): string[] {
  const byFile =
    pattern === undefined || [...bundles.sources.values()].every((file) => file.includes(pattern));
  return byFile ? [] : [`--test-name-pattern=${pattern}`];
}

interface RunAs {
  uid?: number;
  gid?: number;
  env?: Record<string, string>;
}

/** One process per test file, two at a time. */
async function runFiles(
  suite: "unit" | "native" | "engine",
  title: string,
  bundles: TestBundles,
  pattern: string | undefined,
  folder: string,
  as: RunAs = {},
): Promise<void> {
  const names = nameArgs(bundles, pattern);
  const how = ["--test", "--test-concurrency=2", `--test-timeout=${fileLimitMs[suite]}`];
  const args = [...bundles.reporterArgs, ...names, ...how, ...bundles.files];
  await runNode(title, bundles, args, folder, limitsMs[suite], as);
}

async function runNode(
  title: string,
  bundles: TestBundles,
  args: string[],
  folder: string,
  limitMs: number,
  as: RunAs = {},
): Promise<void> {
  chmodTree(bundles);
  const suite = new SuiteTally(tally, title, bundles.sources);
  const { env, ...identity } = as;
  const checkout = env?.MOCKER_TEST_ROOT ?? root;
  const child = spawn(process.execPath, args, {
    cwd: checkout,
    env: { ...process.env, TMPDIR: folder, ...nativeParts(checkout), ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    ...identity,
  });
  child.stdout.on("data", suite.read);
  child.stderr.on("data", (data: Buffer) => suite.addOutput("", data.toString()));
  const problem = await ended(
    child,
    limitMs,
    () => `; unfinished: ${suite.unfinished().join(", ") || "nothing"}`,
  );
  // node --test exits with 1 when tests failed: they have been counted.
  suite.end(problem === "ended with 1" ? undefined : problem);
}

/** Tests of native/ are bundled elsewhere than in dist/, next to which it looks. */
function nativeParts(checkout: string): Record<string, string> {
  return { MOCKER_NATIVE_DIR: join(checkout, "dist", "native") };
}

/** The bundles must be readable for other users. */
function chmodTree(bundles: TestBundles): void {
  const folder = join(bundles.all, "..");
  chmodSync(folder, 0o755);
}

async function engine(selection: Selection, folder: string): Promise<void> {
  const bundles = await bundlesOf("engine", selection.pattern, folder);
  if (bundles === undefined) return;
  const isRoot = process.getuid?.() === 0;
  await runFiles("engine", isRoot ? "engine (root)" : "engine", bundles, selection.pattern, folder);
  killMentioning(folder);
  if (isRoot) await asUser(bundles, selection.pattern, folder);
}

/** Mocha in one process, so that the editors run one after the other and the package is made once. */
async function extension(selection: Selection, folder: string): Promise<void> {
  const bundles = await bundlesOf("extension", selection.pattern, folder);
  if (bundles === undefined) return;
  await provideCodeServer((text) => process.stdout.write(`  ${text}\n`));
  const runner = await bundleProgram("test/extension/main.ts", folder);
  const byName = nameArgs(bundles, selection.pattern).length > 0 ? [`--grep=${selection.pattern}`] : [];
  await runNode("extension", bundles, [runner, ...byName, ...bundles.files], folder, limitsMs.extension, {
    env: { NODE_PATH: join(root, "node_modules") },
  });
  process.stdout.write(`  screenshots: ${screenshotFolder()}\n`);
}

/** The same tests as an ordinary user, who may not be able to reach the checkout and the cache: it gets copies. */
async function asUser(bundles: TestBundles, pattern: string | undefined, folder: string): Promise<void> {
  const home = join(folder, "u");
  const copy = join(folder, "root");
  const cache = join(folder, "cache");
  for (const path of [copy, cache]) mkdirSync(path);
  for (const name of ["dist", "test", "package.json", "package-lock.json"]) {
    cpSync(join(root, name), join(copy, name), { recursive: true, dereference: true });
  }
  for (const name of readdirSync(cacheDir())) {
    if (name.startsWith("registry-")) await copyTree(join(cacheDir(), name), cache);
  }
  mkdirSync(join(cache, "images"));
  for (const name of readdirSync(join(cacheDir(), "images"))) {
    if (usualImages.some((image) => name.startsWith(`${image}-`))) {
      await copyTree(join(cacheDir(), "images", name), join(cache, "images"));
    }
  }
  await runTool("chmod", ["-R", "a+rX", copy, cache]);
  const user = await makeTestUser(home);
  try {
    for (const name of ["", "r", "t"]) mkdirSync(join(home, name), { mode: 0o700 });
    await runTool("chown", ["-R", `${user.uid}:${user.gid}`, home]);
    const env = {
      HOME: home,
      USER: user.name,
      LOGNAME: user.name,
      TMPDIR: join(home, "t"),
      XDG_RUNTIME_DIR: join(home, "r"),
      MOCKER_TEST_ROOT: copy,
      MOCKER_CACHE_DIR: cache,
    };
    await runFiles("engine", "engine (user)", bundles, pattern, folder, {
      uid: user.uid,
      gid: user.gid,
      env,
    });
  } finally {
    killMentioning(folder);
    await sleep(100);
    await user.remove();
  }
}

async function copyTree(from: string, into: string): Promise<void> {
  await runTool("cp", ["-r", "--reflink=auto", from, into]);
}

/** Whether this machine boots ordinary microVMs by itself. */
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

async function lab(selection: Selection, folder: string): Promise<void> {
  const isUsers = (file: string) => file.startsWith("test/lab/user/");
  const asRoot = await bundlesOf("lab", selection.pattern, folder, (file) => !isUsers(file));
  const asUser = await bundlesOf("lab", selection.pattern, folder, isUsers);
  const runs = [
    { title: "lab", bundles: asRoot, user: false },
    { title: "lab (user)", bundles: asUser, user: true },
  ];
  if (asRoot === undefined && asUser === undefined) return;
  if (hasUsableKvm() && !selection.forceLab) {
    for (const { title, bundles } of runs) {
      if (bundles === undefined) continue;
      const args = [...bundles.reporterArgs, ...nameArgs(bundles, selection.pattern), bundles.all];
      await runNode(title.replace("lab", "kvm"), bundles, args, folder, limitsMs.lab);
    }
    return;
  }
  const guest = await Lab.boot({ expose: [folder] });
  process.stdout.write(`  the lab is up after ${formatMs(guest.bootMs)}\n`);
  try {
    for (const { title, bundles, user } of runs) {
      if (bundles === undefined) continue;
      chmodTree(bundles);
      const suite = new SuiteTally(tally, title, bundles.sources);
      const names = nameArgs(bundles, selection.pattern);
      const result = await guest.run([process.execPath, ...bundles.reporterArgs, ...names, bundles.all], {
        asUser: user,
        env: nativeParts(user ? labUserCheckout : root),
        timeoutMs: limitsMs.lab,
        onStdout: suite.read,
        onStderr: (data) => suite.addOutput("", data.toString()),
      });
      const problem = result.timedOut
        ? `no end after ${formatMs(limitsMs.lab)}; the lab's console says:\n${guest.consoleTail()}`
        : `ended with ${result.code}`;
      suite.end(!result.timedOut && result.code <= 1 ? undefined : problem);
    }
  } finally {
    await guest.close();
  }
}

/** Ends what tests left behind: everything whose command line or environment names this run's folder. */
function killMentioning(folder: string): void {
  for (const pid of processesMentioning(folder)) killQuietly(pid);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stdout.write(
      `${error instanceof SetupError ? error.message : String((error as Error)?.stack ?? error)}\n`,
    );
    tally.fail("test run", "could not go on: see above");
    process.exitCode = tally.report();
  },
);
