import assert from "node:assert/strict";
import { test } from "node:test";
import { checkParams } from "../../../../../engine/daemon/api/rpc/check-params.ts";
import { MockerError } from "../../../../../engine/protocol/errors.ts";
import { RegistryLoginParams } from "../../../../../engine/protocol/params/registry.ts";
import { VmCreateParams, VmListParams } from "../../../../../engine/protocol/params/vm.ts";

function messageOf(check: () => unknown): string {
  try {
    check();
  } catch (error) {
    assert.ok(error instanceof MockerError);
    assert.equal(error.code, "INVALID_ARGUMENT");
    return error.message;
  }
  assert.fail("nothing was refused");
}

for (const [member, value, words] of [
  ["tty", {}, "tty: expected a boolean, got an object"],
  ["tty", null, "tty: expected a boolean, got null"],
  ["image", undefined, "image: missing"],
  ["name", [], "name: expected a string, got an array"],
  ["env", "A=1", "env: expected an array, got a string"],
  ["env", ["A=1", 2], "env[1]: expected a string, got a number"],
  ["cpus", Number.POSITIVE_INFINITY, "cpus: expected a finite number, got a number beyond all bounds"],
  ["cpus", "1", "cpus: expected a number, got a string"],
  ["runtime", "docker", 'runtime: expected "auto" or "krun" or "simulation", got a string'],
  ["network", 0, "network: expected an object, got a number"],
  ["network", {}, "network.mode: missing"],
  ["labels", "x", "labels: expected an object, got a string"],
  ["labels", [], "labels: expected an object, got an array"],
  ["labels", { "com.example": 1 }, "labels.com.example: expected a string, got a number"],
  ["labels", { [`${"k".repeat(200)}`]: 1 }, `labels.${"k".repeat(93)}…: expected a string, got a number`],
  ["env", ["A=1", "B=\ud800"], "env[1]: expected Unicode text, got half of a surrogate pair"],
  ["labels", { a: "\udfffx" }, "labels.a: expected Unicode text, got half of a surrogate pair"],
  ["labels", { "\ud83d": "x" }, "labels.a name: expected Unicode text, got half of a surrogate pair"],
  ["mounts", [{ type: "bind", source: "/a", target: "/b" }], "mounts[0].readOnly: missing"],
  ["mounts", [{ type: "disk" }], 'mounts[0].type: expected "bind" or "volume" or "tmpfs", got a string'],
  ["mounts", ["/a:/b"], "mounts[0]: expected an object, got a string"],
] satisfies [string, unknown, string][]) {
  test(`vm/create: ${words}`, () => {
    const params = { image: "a", [member]: value };
    assert.equal(
      messageOf(() => checkParams("vm/create", VmCreateParams, params)),
      `invalid request vm/create: ${words}`,
    );
  });
}

test("filters are checked to the last value", () => {
  assert.equal(
    messageOf(() => checkParams("vm/list", VmListParams, { filters: { id: ["a", 5] } })),
    "invalid request vm/list: filters.id[1]: expected a string, got a number",
  );
});

test("params are an object", () => {
  const checked = (params: unknown): string => messageOf(() => checkParams("vm/list", VmListParams, params));
  assert.equal(checked(undefined), "invalid request vm/list: expected an object, got nothing");
  assert.equal(checked(null), "invalid request vm/list: expected an object, got null");
  assert.equal(checked([1, 2]), "invalid request vm/list: expected an object, got an array");
  assert.equal(checked("x"), "invalid request vm/list: expected an object, got a string");
});

test("what is wrong is not repeated: it may be a password", () => {
  const params = { server: "", username: "me", password: ["hunter2"] };
  const message = messageOf(() => checkParams("registry/login", RegistryLoginParams, params));
  assert.equal(message, "invalid request registry/login: password: expected a string, got an array");
});

test("declared members pass as they are, others are left out", () => {
  const labels = JSON.parse('{"constructor":"a","prototype":"b","__proto__":"c","toString":"d"}');
  const params = {
    image: "a",
    command: [],
    labels,
    mounts: [{ type: "bind", source: "/a", target: "/b", readOnly: true }],
  };
  const checked = checkParams("vm/create", VmCreateParams, { ...params, fromTheFuture: 1 });
  assert.deepEqual(Object.entries(checked.labels ?? {}), Object.entries(labels));
  assert.deepEqual(checked, params);
});
