import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonRpcCode, MockerError, scrub } from "../../../engine/protocol/errors.ts";

test("JSON-RPC and LSP have numbers of their own for two codes; the others share one", () => {
  assert.equal(jsonRpcCode("CANCELLED"), -32800);
  assert.equal(jsonRpcCode("INTERNAL"), -32603);
  assert.equal(jsonRpcCode("INVALID_ARGUMENT"), -32000);
  assert.equal(jsonRpcCode("VM_NOT_FOUND"), -32000);
});

test("an error's data is what it has, and no more", () => {
  assert.deepEqual(new MockerError("NO_SPACE", "full").toData(), { code: "NO_SPACE" });
  assert.deepEqual(
    new MockerError("NO_SPACE", "full", { hint: "Make room.", details: { freeBytes: 1 } }).toData(),
    {
      code: "NO_SPACE",
      hint: "Make room.",
      details: { freeBytes: 1 },
    },
  );
});

test("credentials and control characters do not leave in messages and hints", () => {
  const error = new MockerError("INTERNAL", "GET https://me:secret@host/ \u001b[2J", { hint: "\u0007!" });
  assert.equal(error.message, "GET https://***@host/ \ufffd[2J");
  assert.equal(error.hint, "\ufffd!");
  assert.equal(scrub("a\tb\n"), "a\tb\n");
});
