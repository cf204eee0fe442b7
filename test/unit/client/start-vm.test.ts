import assert from "node:assert/strict";
import { test } from "node:test";
import { restartVm, startVm } from "../../../engine/client/start-vm.ts";
import { MockerError } from "../../../engine/protocol/index.ts";

/** An engine that fails the first start. */
function engine(first: MockerError): {
  params: unknown[];
  request(type: unknown, params: unknown): Promise<never>;
} {
  const params: unknown[] = [];
  return {
    params,
    request: async (_, given) => {
      if (params.push(given) === 1) throw first;
      return undefined as never;
    },
  };
}

test("a start or restart that lacks secrets is repeated with what the user says", async () => {
  for (const [begin, params] of [
    [startVm, { vm: "a", rows: 3, columns: 4 }],
    [restartVm, { vm: "a", timeoutSeconds: 0 }],
  ] as const) {
    const asked: string[][] = [];
    const lacking = engine(new MockerError("SECRET_MISSING", "none", { details: { names: ["TOKEN"] } }));
    await begin(lacking, params, async (names) => {
      asked.push([...names]);
      return { TOKEN: "s3cret" };
    });
    assert.deepEqual(asked, [["TOKEN"]]);
    assert.deepEqual(lacking.params, [params, { ...params, secretValues: { TOKEN: "s3cret" } }]);
  }
});

test("nobody is asked for what no answer mends", async () => {
  const never = () => assert.fail("asked");
  for (const error of [
    new MockerError("VM_FAILED", "no boot"),
    new MockerError("SECRET_MISSING", "secret KEY cannot be read from /key: permission denied"),
  ]) {
    await assert.rejects(startVm(engine(error), { vm: "a" }, never), error);
  }
});
