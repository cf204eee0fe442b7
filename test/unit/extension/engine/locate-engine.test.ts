import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { MockerError } from "../../../../engine/protocol/index.ts";
import { locateEngine } from "../../../../extension/engine/locate-engine.ts";

const folder = mkdtempSync(join(tmpdir(), "mocker-locate-"));
after(() => rmSync(folder, { recursive: true }));
const engine = join(folder, "engine.js");
writeFileSync(engine, "");
const other = join(folder, "other.js");
writeFileSync(other, "");

test("the setting comes before the environment, and that before the bundled engine", () => {
  assert.deepEqual(locateEngine(other, { MOCKER_ENGINE: engine }, "/nowhere"), {
    path: other,
    source: "setting",
  });
  assert.deepEqual(locateEngine(" ", { MOCKER_ENGINE: other }, folder), {
    path: other,
    source: "environment",
  });
  assert.deepEqual(locateEngine("", {}, folder), { path: engine, source: "bundled" });
});

test("a path that is wrong is named with what to correct; none is fallen back to", () => {
  for (const [configured, env, hint] of [
    ["/not/there.js", {}, /mocker\.engine\.path/],
    ["relative.js", {}, /mocker\.engine\.path/],
    ["", { MOCKER_ENGINE: "/not/there.js" }, /MOCKER_ENGINE/],
  ] as const) {
    assert.throws(
      () => locateEngine(configured, env, folder),
      (error) =>
        error instanceof MockerError && error.code === "ENGINE_UNREACHABLE" && hint.test(error.hint ?? ""),
    );
  }
});
