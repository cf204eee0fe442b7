import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { FuzzProgram, fuzzTargets } from "./fuzz-program.ts";

describe("frames and requests of the monitor and the guest agent, fuzzed under the sanitizers", () => {
  const program = new FuzzProgram();
  before(() => program.build());

  for (const target of fuzzTargets()) {
    test(target, (t) => {
      const seed = Number(process.env.MOCKER_FUZZ_SEED ?? Date.now() % 2 ** 31);
      t.diagnostic(program.run(target, 1, seed));
    });
  }

  test("every target has inputs to begin with", () => {
    assert.deepEqual(fuzzTargets(), program.targets().sort());
  });
});
