import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../../support/paths.ts";

interface Output {
  inputs: Record<string, unknown>;
  imports: { path: string; kind: string; external?: boolean }[];
}

const { outputs } = JSON.parse(readFileSync(join(rootDir(), "dist", "meta.json"), "utf8")) as {
  outputs: Record<string, Output>;
};

/** A bundle with the files that it loads at once, or `later` as well. */
function filesOf(bundle: string, later = false): string[] {
  const files = new Set([bundle]);
  for (const file of files) {
    for (const { path, kind, external } of outputs[file]?.imports ?? []) {
      if (!external && (later || kind === "import-statement")) files.add(path);
    }
  }
  return [...files];
}

const inputsOf = (files: readonly string[]) =>
  files.flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}));

test("each bundle has one copy of vscode-jsonrpc: its classes are told apart by identity", () => {
  for (const name of ["dist/engine.js", "dist/cli-main.js", "dist/extension.js"]) {
    const modules = inputsOf(filesOf(name, true)).filter((path) => path.includes("/vscode-jsonrpc/"));
    assert.ok(
      modules.every((path) => path.startsWith("node_modules/vscode-jsonrpc/")),
      name,
    );
    assert.deepEqual(modules, [...new Set(modules)], name);
    assert.ok(modules.length > 0, name);
  }
});

test("activating the extension loads 150 kB at most, and the language client later", () => {
  const atOnce = filesOf("dist/extension.js");
  const bytes = atOnce.reduce((sum, file) => sum + statSync(join(rootDir(), file)).size, 0);
  assert.ok(bytes <= 150_000, `${bytes} bytes`);
  assert.ok(bytes > 50_000, `${bytes} bytes are too few to be the extension`);
  const client = "/vscode-languageclient/";
  assert.deepEqual(
    inputsOf(atOnce).filter((path) => path.includes(client)),
    [],
  );
  assert.ok(inputsOf(filesOf("dist/extension.js", true)).some((path) => path.includes(client)));
});
