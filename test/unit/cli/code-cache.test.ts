import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Script } from "node:vm";
import { CodeCache } from "../../../engine/cli/code-cache.ts";
import { tmpDir } from "../../support/tmp-dir.ts";

const source = "(function f() { return 42; })()";

function place(): { env: NodeJS.ProcessEnv; code: string; cache: CodeCache } {
  const env = { XDG_CACHE_HOME: tmpDir() };
  const cache = CodeCache.of("0123", "ps", env);
  assert.ok(cache);
  const version = `0123-${process.versions.v8}-${process.arch}`;
  return { env, cache, code: join(env.XDG_CACHE_HOME, "mocker/code", version, "code") };
}

test("what was compiled is there for the next command, and for nobody else", () => {
  const { env, cache, code } = place();
  assert.equal(cache.read(), undefined);
  assert.equal(cache.hasVerb, false);
  cache.write(new Script(source));
  const next = CodeCache.of("0123", "ps", env);
  assert.equal(next?.hasVerb, true);
  assert.equal(CodeCache.of("0123", "run", env)?.hasVerb, false);
  assert.equal(CodeCache.of("4567", "ps", env)?.read(), undefined);
  const script = new Script(source, { cachedData: next.read() });
  assert.equal(script.cachedDataRejected, false);
  assert.equal(script.runInThisContext(), 42);
  assert.equal(statSync(code).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(code, "..")).sort(), ["code", "has-ps"]);
});

test("code that others may have written is not read", () => {
  const { cache, code } = place();
  cache.write(new Script(source));
  chmodSync(code, 0o620);
  assert.equal(cache.read(), undefined);
  chmodSync(code, 0o600);
  assert.ok(cache.read());
  if (process.getuid?.() === 0) {
    chownSync(code, 65_534, 65_534);
    assert.equal(cache.read(), undefined);
  }
});

test("a link is not followed, and a directory or nothing to write to is no error", () => {
  const { cache, code } = place();
  mkdirSync(join(code, ".."), { recursive: true });
  symlinkSync("/etc/passwd", code);
  assert.equal(cache.read(), undefined);
  const file = join(tmpDir(), "file");
  writeFileSync(file, "");
  const nowhere = CodeCache.of("0123", "ps", { XDG_CACHE_HOME: file });
  assert.ok(nowhere);
  nowhere.write(new Script(source));
  assert.equal(nowhere.read(), undefined);
});

test("versions that were not used for long are removed", () => {
  const { cache, code } = place();
  const [old, young] = ["0a-1", "0b-1"].map((name) => join(code, "../..", name));
  for (const directory of [old, young]) mkdirSync(directory ?? "", { recursive: true });
  utimesSync(old ?? "", 1, 1);
  cache.write(new Script(source));
  assert.equal(existsSync(old ?? ""), false);
  assert.equal(existsSync(young ?? ""), true);
});

test("nothing is removed or written where a link leads, nor in the home of another user", () => {
  const elsewhere = tmpDir();
  const precious = join(elsewhere, "0a-1");
  mkdirSync(precious);
  utimesSync(precious, 1, 1);
  const linked = place();
  mkdirSync(join(linked.env.XDG_CACHE_HOME ?? "", "mocker"));
  symlinkSync(elsewhere, join(linked.env.XDG_CACHE_HOME ?? "", "mocker/code"));
  linked.cache.write(new Script(source));
  assert.equal(existsSync(precious), true);
  assert.equal(linked.cache.hasVerb, false);
  const foreign = place();
  const home = foreign.env.XDG_CACHE_HOME ?? "";
  if (process.getuid?.() === 0) {
    chownSync(home, 65_534, 65_534);
    foreign.cache.write(new Script(source));
    assert.deepEqual(readdirSync(home), []);
  }
});

test("there is none for what is no verb, nor where Node's own is switched off", () => {
  const env = { XDG_CACHE_HOME: "/nonexistent" };
  for (const verb of [undefined, "", "-v", "../x", "x".repeat(50)])
    assert.equal(CodeCache.of("0123", verb, env), undefined);
  assert.equal(CodeCache.of("0123", "ps", { ...env, NODE_DISABLE_COMPILE_CACHE: "1" }), undefined);
});
