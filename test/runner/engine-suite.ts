import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { usualImages } from "../fixtures/index.ts";
import { runTool } from "../support/host.ts";
import { cacheDir, rootDir } from "../support/paths.ts";
import { makeTestUser } from "../support/test-user.ts";
import type { TestBundles } from "./bundle-tests.ts";
import type { SuiteRun } from "./suite-run.ts";

/** The built product on the simulation runtime, as this user and, when that is root, as an ordinary one. */
export async function engineSuite(run: SuiteRun): Promise<void> {
  const bundles = await run.bundles();
  if (bundles === undefined) return;
  const isRoot = process.getuid?.() === 0;
  await run.runFiles(isRoot ? "engine (root)" : "engine", bundles);
  run.directory.killProcesses();
  if (!isRoot) return;
  const own = await run.bundles((file) => !forOneUser.includes(file));
  if (own) await asUser(run, own);
}

/** What the engine does alike for all users, and takes long. */
const forOneUser = [
  "test/engine/docker-lines.test.ts",
  "test/engine/compose.test.ts",
  "test/engine/docker-schema.test.ts",
  "test/engine/dockerode.test.ts",
  "test/engine/faults.test.ts",
  "test/engine/registries.test.ts",
];

/**
 * The same tests, but for a few, as an ordinary user, who may not be able to reach the checkout and the
 * cache: it gets copies.
 */
async function asUser(run: SuiteRun, bundles: TestBundles): Promise<void> {
  const home = join(run.directory.path, "u");
  const copy = join(run.directory.path, "root");
  const cache = join(run.directory.path, "cache");
  for (const path of [copy, cache]) mkdirSync(path);
  for (const name of ["dist", "test", "package.json", "package-lock.json"]) {
    cpSync(join(rootDir(), name), join(copy, name), { recursive: true, dereference: true });
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
    await run.runFiles("engine (user)", bundles, { uid: user.uid, gid: user.gid, env });
  } finally {
    run.directory.killProcesses();
    await sleep(100);
    await user.remove();
  }
}

async function copyTree(from: string, into: string): Promise<void> {
  await runTool("cp", ["-r", "--reflink=auto", from, into]);
}
