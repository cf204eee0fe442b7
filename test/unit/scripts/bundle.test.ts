import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../../support/paths.ts";

interface Metafile {
  outputs: Record<string, { inputs: Record<string, unknown> }>;
}

test("each bundle has one copy of vscode-jsonrpc: its classes are told apart by identity", () => {
  const { outputs } = JSON.parse(readFileSync(join(rootDir(), "dist", "meta.json"), "utf8")) as Metafile;
  for (const name of ["dist/engine.js", "dist/cli.js", "dist/extension.js"]) {
    const copies = Object.keys(outputs[name]?.inputs ?? {}).flatMap(
      (path) => /^.*\/vscode-jsonrpc(?=\/)/.exec(path)?.[0] ?? [],
    );
    assert.deepEqual([...new Set(copies)], ["node_modules/vscode-jsonrpc"], name);
  }
});
