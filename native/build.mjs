// npm run build:native [-- options]: everything native, into dist/native.
//   --no-libkrun  leave the bundled libkrun and guest kernel out (Mocker then uses the system's)
//   --strict      compiler warnings are errors
//   --force       build even if nothing changed

import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { provideBuildTools } from "./tools/build-tools.mjs";
import { buildCodec } from "./tools/codec.mjs";
import { provideExt4Template } from "./tools/ext4-template.mjs";
import { filesBelow, hashFiles, install, writeAtomically } from "./tools/files.mjs";
import { guestKernelFile, provideGuestKernel } from "./tools/guest-kernel.mjs";
import { kept } from "./tools/kept.mjs";
import { provideLibkrun } from "./tools/libkrun.mjs";
import { buildNetd } from "./tools/netd.mjs";
import { cacheDir, nativeDir, outDir, rootDir } from "./tools/paths.mjs";
import { BuildError, run } from "./tools/run.mjs";

const known = ["--no-libkrun", "--strict", "--force"];
const options = new Set(process.argv.slice(2));
let toolsAreThere = false;

const apparmorProfile = join(nativeDir, "apparmor", "mocker-vmm");
const apparmorName = "mocker-vmm.apparmor";

/** Program of binding.gyp → file mode. */
const products = { "mocker.node": 0o644, "mocker-vmm": 0o755, "mocker-agent": 0o755, "mocker-hello": 0o755 };

try {
  for (const option of options) if (!known.includes(option)) throw new BuildError(`unknown option ${option}`);
  if (process.platform !== "linux") throw new BuildError("Mocker's native parts are for Linux only");
  mkdirSync(outDir, { recursive: true });
  await withLock(join(outDir, ".lock"), build);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(`native: ${error.message}`);
  process.exitCode = 1;
}

function build() {
  step("ext4-template", [join(nativeDir, "tools", "ext4-template.mjs")], ["ext4-template.bin.gz"], () =>
    provideExt4Template(),
  );
  provideLibraries();
  step("netd", netdSources(), ["mocker-netd"], buildNetd);
  step("programs", programSources(), [...Object.keys(products), apparmorName], buildPrograms);
}

/** libkrun and its guest kernel. */
function provideLibraries() {
  if (options.has("--no-libkrun")) {
    for (const name of ["libkrun.so.1", "libkrunfw.so.5", "vmlinux", "versions.json", ".libkrun.stamp"]) {
      rmSync(join(outDir, name), { force: true });
    }
    return;
  }
  const inputs = [
    ...filesBelow(join(nativeDir, "libkrun"), ["target"]),
    ...["crate.mjs", "libkrun.mjs", "guest-kernel.mjs", "guest-kernel.cc"].map((name) =>
      join(nativeDir, "tools", name),
    ),
    join(rootDir, "package-lock.json"),
  ];
  step("libkrun", inputs, ["libkrun.so.1", guestKernelFile, "versions.json"], () => {
    const libkrun = provideLibkrun();
    const { libkrunfw, kernel } = provideGuestKernel();
    const versions = { libkrun: libkrun.version, libkrunfw, kernel };
    writeAtomically(join(outDir, "versions.json"), `${JSON.stringify(versions)}\n`);
  });
}

/**
 * Runs `make` unless its inputs, this Node and this machine are what they were when it last made all its
 * outputs.
 */
function step(
  /** @type {string} */ name,
  /** @type {string[]} */ inputs,
  /** @type {string[]} */ outputs,
  /** @type {() => void} */ make,
) {
  const stamp = join(outDir, `.${name}.stamp`);
  const key = hashFiles(inputs, [process.version, process.arch, cacheDir]);
  const made = outputs.every((output) => existsSync(join(outDir, output)));
  const always = options.has("--force") || (options.has("--strict") && make === buildPrograms);
  if (!always && made && existsSync(stamp) && readFileSync(stamp, "utf8") === key) return;
  rmSync(stamp, { force: true });
  needTools();
  make();
  writeAtomically(stamp, key);
}

function programSources() {
  const directories = ["codec", "common", "guest", "host", "third_party"];
  const files = directories.flatMap((dir) => filesBelow(join(nativeDir, dir), ["target"]));
  return [...files, join(nativeDir, "binding.gyp"), apparmorProfile];
}

/** Not its tests. */
function netdSources() {
  const files = filesBelow(join(nativeDir, "net")).filter((file) => !file.endsWith("_test.go"));
  return [...files, ...["go.mjs", "netd.mjs"].map((name) => join(nativeDir, "tools", name))];
}

/** Compiles the programs, unless that was done before: in another checkout, say. */
function buildPrograms() {
  const gyp = join(rootDir, "node_modules", "node-gyp", "bin", "node-gyp.js");
  if (!existsSync(gyp)) throw new BuildError("node-gyp is missing: run `npm ci` first");
  const headers = headersDir();
  const codec = buildCodec();
  const flags = [
    ...["--directory", nativeDir, "--loglevel", "warn", `--codec=${codec}`],
    ...(headers ? [`--nodedir=${headers}`] : []),
    ...(options.has("--strict") ? ["--werror=1"] : []),
  ];
  const env = { ...process.env, CXX: process.env.CXX ?? "g++", CC: process.env.CC ?? "gcc" };
  const names = Object.keys(products);
  const compile = (/** @type {string} */ directory) => {
    run(process.execPath, [gyp, "configure", ...flags], { env });
    run(process.execPath, [gyp, "build", "--jobs", "max", ...flags], { env });
    for (const name of names) copyFileSync(join(nativeDir, "build", "Release", name), join(directory, name));
  };
  const what = {
    cache: cacheDir,
    name: "mocker-programs",
    version: process.versions.node,
    key: keyOfPrograms(env, flags),
    files: names,
  };
  const directory = kept(what, compile, options.has("--force") || options.has("--strict"));
  for (const [name, mode] of Object.entries(products))
    install(join(directory, name), join(outDir, name), mode);
  // `mocker doctor` says where it belongs.
  install(apparmorProfile, join(outDir, apparmorName), 0o644);
}

/** Of all that the programs depend on, but for the checkout's own place. */
function keyOfPrograms(/** @type {NodeJS.ProcessEnv} */ env, /** @type {string[]} */ flags) {
  const packages = ["node-addon-api", "node-gyp"].map((name) =>
    join(rootDir, "node_modules", name, "package.json"),
  );
  const compilers = [env.CC, env.CXX].map((compiler) => run(compiler ?? "", ["--version"]));
  const variables = ["CPPFLAGS", "CFLAGS", "CXXFLAGS", "LDFLAGS"].map((name) => env[name] ?? "");
  const own = flags.filter((flag) => flag !== nativeDir);
  const texts = [process.version, process.arch, ...compilers, ...variables, ...own];
  return hashFiles([...programSources(), ...packages], texts);
}

/**
 * Where Node's headers are, if they need no download: npm's `nodedir` setting, or beside the running Node.
 */
function headersDir() {
  const beside = dirname(dirname(process.execPath));
  const version = `#define NODE_MAJOR_VERSION ${process.versions.node.split(".")[0]}\n`;
  return [process.env.npm_config_nodedir, beside].find((dir) => {
    const header = dir && join(dir, "include", "node", "node_version.h");
    return header && existsSync(header) && readFileSync(header, "utf8").includes(version);
  });
}

/**
 * Before the first step that makes something: all that is missing is told at once, and a build with nothing
 * to do needs nothing.
 */
function needTools() {
  if (!toolsAreThere) provideBuildTools();
  toolsAreThere = true;
}

/** Two builds of one checkout at a time would write the same files: the second waits for the first. */
async function withLock(/** @type {string} */ path, /** @type {() => void} */ body) {
  for (let told = false; ; told = true) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EEXIST") throw error;
    }
    if (isStale(path)) {
      rmSync(path, { force: true });
      continue;
    }
    if (!told) console.error("native: waiting for another build of this checkout");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  try {
    body();
  } finally {
    rmSync(path, { force: true });
  }
}

function isStale(/** @type {string} */ path) {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    // An empty file is one that is being written now, unless its writer died at just that moment.
    if (!pid) return Date.now() - statSync(path).mtimeMs > 5000;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "ESRCH";
  }
}
