import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../../support/paths.ts";

// What Go itself says of native/net.

function go(...args: string[]): string {
  const tool = join(rootDir(), "native", "tools", "netd.mjs");
  const script = `import { goForNetd } from ${JSON.stringify(tool)};
    process.stdout.write(goForNetd(...${JSON.stringify(args)}));`;
  return execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
}

test("mocker-netd's sources are formatted", () => {
  const gofmt = join(go("env", "GOROOT").trim(), "bin", "gofmt");
  assert.equal(execFileSync(gofmt, ["-l", join(rootDir(), "native", "net")], { encoding: "utf8" }), "");
});

test("go vet finds nothing in mocker-netd", () => {
  go("vet", "./...");
});

test("mocker-netd's Go tests pass", () => {
  go("test", "./...");
});
