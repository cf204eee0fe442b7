import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findRust, problemOf, rustupCommand, type Toolchain } from "../../../native/tools/rust.mjs";
import { tmpDir } from "../../support/tmp-dir.ts";

const refusal = `echo "error: rustup could not choose a version of cargo to run" >&2; exit 1`;

/** A directory with programs that are shell scripts. */
function programs(dir: string, scripts: Record<string, string>): string {
  mkdirSync(dir, { recursive: true });
  for (const [name, script] of Object.entries(scripts))
    writeFileSync(join(dir, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return dir;
}

function toolchain(dir: string, rustc: string): string {
  return programs(dir, { cargo: "echo cargo 0.0.1", rustc: `echo "rustc ${rustc} (of a test)"` });
}

function environment(...path: string[]): NodeJS.ProcessEnv {
  return { PATH: path.join(":"), HOME: tmpDir() };
}

function found(env: NodeJS.ProcessEnv): Toolchain {
  const rust = findRust(env);
  assert.ok(rust);
  return rust;
}

test("a cargo that runs and is new enough is usable", () => {
  const bin = toolchain(tmpDir(), "1.87.0");
  const { cargo, state, said, onPath } = found(environment("/nowhere", bin));
  assert.deepEqual(
    { cargo, state, said, onPath },
    {
      cargo: join(bin, "cargo"),
      state: "usable",
      said: "1.87.0",
      onPath: true,
    },
  );
});

test("a cargo that does not run is told from one that is not there, with what it printed", () => {
  const bin = programs(tmpDir(), { cargo: "echo cargo: libgit2.so is missing >&2; exit 127" });
  const rust = found(environment(bin));
  assert.equal(rust.state, "broken");
  assert.match(
    problemOf(rust),
    /there is a cargo, but it does not run: .*\/cargo printed\n {2}cargo: libgit2/,
  );
  assert.match(problemOf(undefined), /there is no Rust toolchain/);
});

test("a cargo without a rustc does not run either", () => {
  const rust = found(environment(programs(tmpDir(), { cargo: "echo cargo 1.96.0" })));
  assert.equal(rust.state, "broken");
  assert.match(rust.said, /^rustc: /);
});

test("an old one says how old", () => {
  const rust = found(environment(toolchain(tmpDir(), "1.63.0")));
  assert.equal(rust.state, "old");
  assert.match(problemOf(rust), /belongs to Rust 1\.63\.0, which is too old: 1\.87 or later/);
});

test("a usable one further down PATH counts, and one where rustup installs", () => {
  const old = toolchain(tmpDir(), "1.63.0");
  const good = toolchain(tmpDir(), "1.96.0");
  const { cargo, onPath } = found(environment(old, good));
  assert.deepEqual({ cargo, onPath }, { cargo: join(good, "cargo"), onPath: false });
  const env = environment(old);
  const home = toolchain(join(env.HOME ?? "", ".cargo", "bin"), "1.95.0");
  assert.equal(found(env).cargo, join(home, "cargo"));
});

test("rustup with another HOME: its toolchains are named, and the command that uses them", () => {
  const owner = tmpDir();
  const bin = programs(join(owner, ".cargo", "bin"), { cargo: refusal, rustc: refusal, rustup: refusal });
  mkdirSync(join(owner, ".rustup", "toolchains", "stable"), { recursive: true });
  const env = environment(bin);
  const rust = found(env);
  assert.equal(rust.isRustups, true);
  const text = problemOf(rust, env);
  assert.match(text, /\n {2}error: rustup could not choose a version of cargo to run\n/);
  assert.ok(text.endsWith(`in ${env.HOME}/.rustup; there are some in ${owner}/.rustup.`), text);
  assert.equal(rustupCommand(rust, env), `RUSTUP_HOME=${owner}/.rustup npm run build`);
});

test("rustup without a toolchain gets one; with an old one, a newer", () => {
  const env = environment();
  const bin = programs(join(env.HOME ?? "", ".cargo", "bin"), { cargo: refusal, rustup: refusal });
  assert.equal(rustupCommand(found(env), env), `${bin}/rustup default stable`);
  env.PATH = bin;
  assert.equal(rustupCommand(found(env), env), "rustup default stable");
  toolchain(bin, "1.70.0");
  assert.equal(rustupCommand(found(env), env), "rustup update stable && rustup default stable");
});
