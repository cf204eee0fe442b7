import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { rootDir } from "../support/paths.ts";

export interface TestBundles {
  /** One CommonJS file per test file. */
  files: string[];
  /** A program that runs them all in one process. */
  all: string;
  /** Test file, relative to the checkout, by the path of its bundle; and by itself. */
  sources: Map<string, string>;
  /** Arguments for node: the reporter that the tally reads. */
  reporterArgs: string[];
}

const options = {
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  sourcemap: "inline",
  sourcesContent: false,
  // Only an editor has it.
  alias: { vscode: join(rootDir(), "test/unit/extension/fake-vscode.ts") },
  external: ["esbuild", "mocha", "playwright-core", "@vscode/test-electron", "*.node"],
  logLevel: "error",
} satisfies BuildOptions;

/** Bundles one program (path relative to the checkout) into `directory`; returns its path. */
export async function bundleProgram(path: string, directory: string): Promise<string> {
  const outfile = join(directory, path.replaceAll("/", "-").replace(/\.ts$/, ".cjs"));
  await build({
    entryPoints: [join(rootDir(), path)],
    outfile,
    ...options,
  });
  return outfile;
}

/** Bundles test files (paths relative to the checkout) into `directory`. */
export async function bundleTests(tests: string[], directory: string): Promise<TestBundles> {
  mkdirSync(directory, { recursive: true });
  await build({
    entryPoints: tests.map((path) => join(rootDir(), path)),
    outbase: rootDir(),
    outdir: directory,
    outExtension: { ".js": ".cjs" },
    ...options,
  });
  const reporter = join(directory, "reporter.mjs");
  copyFileSync(join(rootDir(), "test/runner/reporter.mjs"), reporter);
  const files = tests.map((path) => join(directory, path.replace(/\.ts$/, ".cjs")));
  const sources = new Map<string, string>();
  for (const [index, path] of tests.entries()) sources.set(files[index] ?? "", path).set(path, path);
  const all = join(directory, "all.cjs");
  const pairs = tests.map((path, index) => [path, files[index]]);
  writeFileSync(
    all,
    `const { describe } = require("node:test");
for (const [name, file] of ${JSON.stringify(pairs)}) describe(name, () => void require(file));
`,
  );
  // Not --enable-source-maps: tests would be reported under the source file of their definition, which may be
  // shared.
  const sourceMaps = join(directory, "source-maps.cjs");
  writeFileSync(sourceMaps, "process.setSourceMapsEnabled(true);\n");
  const reporterArgs = [
    `--require=${sourceMaps}`,
    `--test-reporter=${reporter}`,
    "--test-reporter-destination=stdout",
  ];
  return { files, all, sources, reporterArgs };
}
