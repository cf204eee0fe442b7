import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../../../support/paths.ts";

interface Metafile {
  outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
}

const meta = JSON.parse(readFileSync(join(rootDir(), "dist/meta.json"), "utf8")) as Metafile;

/** The files of the schema library and of the declarations that have code in a bundle. */
function schemasIn(bundle: string): string[] {
  const output = meta.outputs[bundle];
  assert.ok(output !== undefined, `${bundle} is not in dist/meta.json`);
  return Object.entries(output.inputs)
    .filter(([file, { bytesInOutput }]) => /valibot|protocol\/params/.test(file) && bytesInOutput > 0)
    .map(([file]) => file);
}

test("clients send requests without loading what checks them", () => {
  assert.deepEqual(schemasIn("dist/cli-main.js"), []);
  const ofExtension = Object.keys(meta.outputs).filter((file) => file.startsWith("dist/extension"));
  assert.ok(ofExtension.length > 1);
  for (const file of ofExtension) assert.deepEqual(schemasIn(file), []);
});

test("the engine has what checks requests", () => {
  assert.ok(schemasIn("dist/engine.js").some((file) => file.includes("valibot")));
});
