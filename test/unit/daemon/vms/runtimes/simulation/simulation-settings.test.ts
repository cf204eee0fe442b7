import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { warnsOfSimulation } from "../../../../../../engine/daemon/vms/runtimes/simulation/simulation-settings.ts";
import { tmpDir } from "../../../../../support/tmp-dir.ts";

test("the simulation's warning can be switched off", () => {
  const directory = tmpDir();
  const write = (text: string): void => writeFileSync(join(directory, "engine.json"), text);
  assert.equal(warnsOfSimulation(directory), true);
  write('{"simulation-warning": false}');
  assert.equal(warnsOfSimulation(directory), false);
  write('{"simulation-warning": "no"}');
  assert.throws(() => warnsOfSimulation(directory), {
    code: "INVALID_ARGUMENT",
    message: /"simulation-warning" must be true or false$/,
  });
});
