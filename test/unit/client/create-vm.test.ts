import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestType } from "vscode-jsonrpc";
import { createVm } from "../../../engine/client/create-vm.ts";
import { type ErrorCode, type ErrorData, MockerError, vmCreate } from "../../../engine/protocol/index.ts";

/** Fails with these codes, one after the other, and then makes the VM. */
function engine(...codes: ErrorCode[]) {
  const asked: string[] = [];
  return {
    asked,
    request<P, R>({ method }: RequestType<P, R, ErrorData>): Promise<R> {
      asked.push(method);
      const code = codes.shift();
      if (code !== undefined) return Promise.reject(new MockerError(code, code));
      return Promise.resolve({ id: "1", name: "vm", warnings: [] } as R);
    },
  };
}

const succeeds = () => Promise.resolve(true);

test("what keeps a VM from being made is put right, and it is asked for again", async () => {
  const fake = engine("IMAGE_NOT_FOUND", "VM_NAME_IN_USE");
  const { id } = await createVm(fake, { image: "x" }, { pull: succeeds, freeName: succeeds });
  assert.equal(id, "1");
  assert.deepEqual(fake.asked, [vmCreate.method, vmCreate.method, vmCreate.method]);
});

test("each remedy is tried once; without one, or if it does not help, the failure stands", async () => {
  const fails = (code: ErrorCode) => (error: unknown) => error instanceof MockerError && error.code === code;
  const missing: ErrorCode[] = ["IMAGE_NOT_FOUND", "IMAGE_NOT_FOUND"];
  let pulls = 0;
  const pull = () => {
    pulls++;
    return Promise.resolve(true);
  };
  await assert.rejects(createVm(engine(...missing), { image: "x" }, { pull }), fails("IMAGE_NOT_FOUND"));
  assert.equal(pulls, 1);
  await assert.rejects(createVm(engine(...missing), { image: "x" }, {}), fails("IMAGE_NOT_FOUND"));
  const refuses = { freeName: () => Promise.resolve(false) };
  await assert.rejects(createVm(engine("VM_NAME_IN_USE"), { image: "x" }, refuses), fails("VM_NAME_IN_USE"));
  await assert.rejects(createVm(engine("NO_SPACE"), { image: "x" }, { pull }), fails("NO_SPACE"));
});
