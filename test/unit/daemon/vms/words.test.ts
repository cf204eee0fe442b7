import assert from "node:assert/strict";
import { test } from "node:test";
import { checkName, generateName } from "../../../../engine/daemon/vms/names.ts";
import { signalNumber } from "../../../../engine/docker/signals.ts";

test("signals by name and number", () => {
  assert.equal(signalNumber("TERM"), 15);
  assert.equal(signalNumber("sigkill"), 9);
  assert.equal(signalNumber("15"), 15);
  assert.equal(signalNumber("RTMIN+3"), 37);
  for (const bad of ["NOPE", "0", "65", "", "RTMAX+1"])
    assert.throws(() => signalNumber(bad), /invalid signal/);
});

test("names are Docker's", () => {
  assert.match(
    generateName(() => false),
    /^[a-z]+_[a-z]+$/,
  );
  const taken = new Set<string>();
  for (let n = 0; n < 5000; n++) taken.add(generateName((name) => taken.has(name)));
  assert.equal(taken.size, 5000);
  for (const bad of ["a", "-a", "a b", "a/b", ""])
    assert.throws(() => checkName(bad), /Invalid container name/);
});
