import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { DapBridge, type TerminalRequest } from "../../../../extension/debug/dap-bridge.ts";
import { DapDecoder, type DapMessage, encodeDap } from "../../../../extension/debug/dap-message.ts";
import { PathMapping } from "../../../../extension/debug/path-mapping.ts";

/** A bridge whose adapter is the other end of two streams. */
function bridged(options: { runInTerminal?: (request: TerminalRequest) => Promise<void> } = {}) {
  const [toAdapter, fromAdapter] = [new PassThrough(), new PassThrough()];
  const editor: DapMessage[] = [];
  const adapter: DapMessage[] = [];
  let text = "";
  const decoder = new DapDecoder(
    (message) => adapter.push(message),
    () => assert.fail("the bridge sent what is no message"),
  );
  toAdapter.on("data", (bytes: Buffer) => decoder.push(bytes));
  const bridge = new DapBridge(
    {
      send: (message) => editor.push(message),
      write: (bytes) => toAdapter.write(bytes),
      text: (more) => {
        text += more;
      },
      ...options,
    },
    new PathMapping([{ local: "/home/me/app", remote: "/workspaces/app" }]),
    { request: "launch", program: "/workspaces/app/main.py" },
  );
  fromAdapter.on("data", (bytes: Buffer) => bridge.push(bytes));
  return {
    editor,
    adapter,
    bridge,
    said: () => text,
    answer: async (message: DapMessage) => {
      fromAdapter.write(encodeDap(message));
      await setImmediate();
    },
    print: async (more: string) => {
      fromAdapter.write(more);
      await setImmediate();
    },
  };
}

test("the adapter is started with its own arguments, not with what launch.json says to us", async () => {
  const { bridge, adapter } = bridged();
  bridge.fromEditor({
    seq: 2,
    type: "request",
    command: "launch",
    arguments: { type: "mocker", image: "python:3", __sessionId: "s" },
  });
  await setImmediate();
  assert.deepEqual(adapter, [
    {
      seq: 2,
      type: "request",
      command: "launch",
      arguments: { __sessionId: "s", request: "launch", program: "/workspaces/app/main.py" },
    },
  ]);
});

test("paths are mapped in both directions", async () => {
  const { bridge, adapter, editor, answer } = bridged();
  const source = (path: string) => ({ source: { path } });
  bridge.fromEditor({
    seq: 3,
    type: "request",
    command: "setBreakpoints",
    arguments: source("/home/me/app/main.py"),
  });
  await setImmediate();
  assert.deepEqual(adapter[0]?.type === "request" && adapter[0].arguments, source("/workspaces/app/main.py"));
  await answer({ seq: 9, type: "event", event: "output", body: source("/workspaces/app/main.py") });
  assert.deepEqual(editor[0]?.type === "event" && editor[0].body, source("/home/me/app/main.py"));
});

test("an adapter restarts no program: the session starts again with a VM of its own", async () => {
  const { editor, answer } = bridged();
  const body = { supportsRestartRequest: true, supportsConditionalBreakpoints: true };
  await answer({ seq: 1, type: "response", request_seq: 1, success: true, command: "initialize", body });
  assert.deepEqual(editor[0]?.type === "response" && editor[0].body, {
    ...body,
    supportsRestartRequest: false,
  });
});

test("an adapter is told of terminals only where there are some", async () => {
  for (const has of [true, false]) {
    const { bridge, adapter } = bridged(has ? { runInTerminal: async () => undefined } : {});
    const given = { supportsRunInTerminalRequest: true, adapterID: "mocker" };
    bridge.fromEditor({ seq: 1, type: "request", command: "initialize", arguments: given });
    await setImmediate();
    const [request] = adapter;
    assert.ok(request?.type === "request");
    const { supportsRunInTerminalRequest, adapterID } = request.arguments as Record<string, unknown>;
    assert.equal(supportsRunInTerminalRequest, has);
    assert.equal(adapterID, "mocker");
  }
});

test("what an adapter runs in a terminal runs in the VM, with the VM's paths", async () => {
  const asked: TerminalRequest[] = [];
  const { adapter, editor, answer } = bridged({
    runInTerminal: async (request) => {
      asked.push(request);
      if (request.title === "no") throw new Error("there is no room");
    },
  });
  const args = {
    title: "main",
    args: ["python3", "/workspaces/app/main.py"],
    cwd: "/workspaces/app",
    env: { A: "1", B: null },
  };
  await answer({ seq: 5, type: "request", command: "runInTerminal", arguments: args });
  await answer({ seq: 6, type: "request", command: "runInTerminal", arguments: { ...args, title: "no" } });
  await setImmediate();
  assert.deepEqual(asked[0], { title: "main", command: args.args, cwd: "/workspaces/app", env: ["A=1"] });
  const responses = adapter.map(
    (message) => message.type === "response" && [message.request_seq, message.success],
  );
  assert.deepEqual(responses, [
    [5, true],
    [6, false],
  ]);
  assert.deepEqual(editor, []);
});

test("what is not the protocol's is shown", async () => {
  const { said, print } = bridged();
  await print("No module named debugpy\n");
  assert.equal(said(), "No module named debugpy\n");
});
