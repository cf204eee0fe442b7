import assert from "node:assert/strict";
import { test } from "node:test";
import { asksForWeakJail, securityOptions } from "../../../../engine/docker/run-options/security-options.ts";

test("what has an effect is told apart", () => {
  assert.deepEqual(securityOptions([]), { noNewPrivileges: false, warnings: [] });
  for (const text of ["jail=weak", "jail=strict", "jail:weak"]) {
    assert.deepEqual(securityOptions([text]), securityOptions([]));
  }
  assert.equal(asksForWeakJail(), false);
  assert.equal(asksForWeakJail(["label=disable", "jail=weak"]), true);
  assert.equal(asksForWeakJail(["jail=weak", "jail=strict"]), false);
  for (const value of ["", "=true", ":true", "=1", "=T"]) {
    const text = `no-new-privileges${value}`;
    assert.equal(securityOptions([text]).noNewPrivileges, true, text);
  }
  for (const text of ["no-new-privileges=false", "no-new-privileges=f"]) {
    assert.equal(securityOptions([text]).noNewPrivileges, false, text);
  }
});

test("what would open a container is accepted, and said to be without effect", () => {
  for (const text of [
    "seccomp=unconfined",
    "apparmor=unconfined",
    "label=disable",
    "label:type:svirt_t",
    "systempaths=unconfined",
  ]) {
    const { warnings, ...options } = securityOptions([text]);
    assert.deepEqual(options, { noNewPrivileges: false });
    assert.ok(warnings[0]?.startsWith(`--security-opt ${text} has no effect: `), warnings[0]);
  }
});

test("a profile that would not be applied is refused", () => {
  assert.throws(() => securityOptions(["seccomp=/profile.json"]), {
    code: "FEATURE_UNAVAILABLE",
    message: "the seccomp profile /profile.json cannot be applied",
  });
});

test("what makes no sense is refused in Docker's words", () => {
  for (const [text, message] of [
    ["jail", 'invalid --security-opt: "jail"'],
    ["jail=", 'invalid --security-opt: "jail="'],
    ["no-new-priviliges", 'invalid --security-opt: "no-new-priviliges"'],
    ["jail=none", 'invalid --security-opt 2: "jail=none"'],
    ["colour=red", 'invalid --security-opt 2: "colour=red"'],
    ["no-new-privileges=maybe", 'invalid --security-opt 2: "no-new-privileges=maybe"'],
    ["no-new-privileges=constructor", 'invalid --security-opt 2: "no-new-privileges=constructor"'],
    ["", 'invalid --security-opt: ""'],
  ] as const) {
    assert.throws(() => securityOptions([text]), { code: "INVALID_ARGUMENT", message, hint: /jail=weak/ });
  }
});
