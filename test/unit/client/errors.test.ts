import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionError, ConnectionErrors, ErrorCodes, ResponseError } from "vscode-jsonrpc/node.js";
import { asMockerError, EngineUnreachable, lostConnection } from "../../../engine/client/errors.ts";
import { MockerError } from "../../../engine/protocol/index.ts";

test("an error of the engine's keeps code, message, hint and details", () => {
  const data = { code: "NO_SPACE", hint: "make room", details: { bytes: 1 } };
  const { code, message, hint, details } = asMockerError(new ResponseError(-32000, "disk full", data));
  assert.deepEqual({ message, code, hint, details }, { message: "disk full", ...data });
  assert.equal(asMockerError(new ResponseError(-32601, "no such method")).code, "INTERNAL");
});

test("a connection that ended is told from an answer", () => {
  const lost = [
    new ResponseError(ErrorCodes.PendingResponseRejected, "Pending response rejected"),
    new ResponseError(ErrorCodes.ConnectionInactive, "Client is not running"),
    new ConnectionError(ConnectionErrors.Closed, "Connection is closed."),
  ];
  for (const error of lost) {
    const failure = asMockerError(error);
    assert.ok(failure instanceof EngineUnreachable, error.message);
    assert.equal(failure.reason.kind, "lost");
  }
});

test("other failures are passed on", () => {
  const failure = lostConnection();
  assert.equal(asMockerError(failure), failure);
  assert.equal(asMockerError(new Error("connection is closed, says an image")).code, "INTERNAL");
  assert.ok(asMockerError("text") instanceof MockerError);
});
