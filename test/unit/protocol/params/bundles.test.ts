import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../../../support/paths.ts";

interface Metafile {
  outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
}

/** The files of the schema library and of the declarations that have code in a bundle. */
function schemasIn(bundle: string): string[] {
  const meta = JSON.parse(readFileSync(join(rootDir(), "dist/meta.json"), "utf8")) as Metafile;
  const inputs = Object.entries(meta.outputs[bundle]?.inputs ?? {});
  assert.ok(inputs.length > 0, `${bundle} is not in dist/meta.json`);
  return inputs
    .filter(([file, { bytesInOutput }]) => /valibot|protocol\/params/.test(file) && bytesInOutput > 0)
    .map(([file]) => file);
}

test("clients send requests without loading what checks them", () => {
  assert.deepEqual(schemasIn("dist/cli.js"), []);
  assert.deepEqual(schemasIn("dist/extension.js"), []);
});

test("the engine has what checks requests", () => {
  assert.ok(schemasIn("dist/engine.js").some((file) => file.includes("valibot")));
});
