import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../../support/paths.ts";
import { tmpDir } from "../../support/tmp-dir.ts";

// The benchmark reads the path like this.
test("the path of a libkrunfw that had to be fetched is all there is on stdout", () => {
  const work = tmpDir();
  const name = `@superradcompany/microsandbox-linux-${process.arch}-gnu`;
  const archive = join(work, "package.tgz");
  mkdirSync(join(work, "package", "lib"), { recursive: true });
  writeFileSync(join(work, "package", "lib", "libkrunfw.so.5.9.9"), "a kernel");
  execFileSync("tar", ["-czf", archive, "-C", work, "package"]);
  const integrity = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;

  // A checkout in which npm has not installed the optional package, and an npm that fetches ours.
  const checkout = join(work, "checkout");
  cpSync(join(rootDir(), "native", "tools"), join(checkout, "native", "tools"), { recursive: true });
  const packages = { "": {}, [`node_modules/${name}`]: { version: "1.2.3", integrity } };
  writeFileSync(join(checkout, "package-lock.json"), JSON.stringify({ packages }));
  const bin = join(work, "bin");
  mkdirSync(bin);
  const answer = JSON.stringify([{ filename: "package.tgz", integrity }]);
  const npm = `#!/bin/sh\nfor last; do :; done\ncp '${archive}' "$last"\necho '${answer}'\n`;
  writeFileSync(join(bin, "npm"), npm, { mode: 0o755 });

  const cache = join(work, "cache");
  const tool = join(checkout, "native", "tools", "guest-kernel.mjs");
  const script = `import { libkrunfw } from ${JSON.stringify(tool)}; console.log(libkrunfw());`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, MOCKER_CACHE_DIR: cache },
  });
  assert.equal(stdout, `${join(cache, `libkrunfw-${process.arch}-1.2.3`, "libkrunfw.so.5.9.9")}\n`, stderr);
  assert.match(stderr, /^native: fetching /);
});
