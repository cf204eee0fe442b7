import assert from "node:assert/strict";
import { test } from "node:test";
import { checkProcessSize } from "../../../../engine/daemon/vms/process-limits.ts";
import { FakeVms } from "./fake-vms.ts";

const long = "x".repeat(131_072);

test("what Linux takes is taken", () => {
  checkProcessSize(["echo", long.slice(1)], [`A=${long.slice(3)}`]);
});

for (const [what, argv, env, message] of [
  [
    "an argument",
    ["echo", long],
    [],
    /^the argument "xxxxxxxxxxxxxxxxxxxx…" is too long: 131072 bytes, at most 131071 may be$/,
  ],
  ["an argument of two-byte characters", ["é".repeat(70_000)], [], /140000 bytes, at most 131071/],
  [
    "a variable",
    ["env"],
    [`SECRET=${long}`],
    /^the environment variable SECRET is too long: 131079 bytes, at most 131071/,
  ],
  [
    "all together",
    ["echo", ...Array<string>(11).fill("x".repeat(100_000))],
    [],
    /^the command with its environment is too long: 11000\d\d bytes, at most 1000000/,
  ],
  ["what JSON writes longer", [], Array<string>(2).fill(`A=${"\u0001".repeat(90_000)}`), /at most 1000000/],
] as const) {
  test(`what is too long for a guest is refused, with the limit: ${what}`, () => {
    assert.throws(() => checkProcessSize(argv, env), { code: "INVALID_ARGUMENT", message });
  });
}

test("an exec's command counts with the environment that its VM has", async () => {
  const vms = new FakeVms();
  const half = "x".repeat(100_000);
  const env = [0, 1, 2, 3, 4, 5].map((i) => `V${i}=${half}`);
  const { monitor } = await vms.run({ env });
  const tooLong = vms.manager.exec({ vm: "box", command: ["echo", half, half, half, half, half] });
  await assert.rejects(tooLong, { code: "INVALID_ARGUMENT", message: /at most 1000000/ });
  await vms.manager.exec({ vm: "box", command: ["true"], detach: true });
  assert.equal(monitor.controls, 1);
});

test("a VM that could never start is not made", async () => {
  const vms = new FakeVms();
  const command = ["echo", ...Array<string>(11).fill("x".repeat(100_000))];
  await assert.rejects(vms.create({ command }), { code: "INVALID_ARGUMENT" });
  assert.deepEqual(await vms.manager.list({ all: true }), []);
});
