import assert from "node:assert/strict";
import { test } from "node:test";
import type { LaunchSpec } from "../../../../../engine/daemon/vms/machine/launch-spec.ts";
import {
  MonitorClient,
  type MonitorClientOptions,
} from "../../../../../engine/daemon/vms/machine/monitor-client.ts";
import { FrameType, frameHeader } from "../../../../../engine/protocol/stream.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { agentError, FakeMonitor, type MonitorScript } from "./fake-monitor.ts";

const unreachable = {
  code: "AGENT_UNREACHABLE",
  message: "the VM ended, or its monitor hung up, before it answered",
};

function monitorIn(runDir: string, script: MonitorScript = {}): FakeMonitor {
  const spec: LaunchSpec = {
    version: 1,
    vmId: "a".repeat(64),
    runtime: "simulation",
    stateDir: runDir,
    runDir,
    agentPath: "/agent",
    bootTimeoutMs: 1000,
    autoRemove: false,
    log: { maxBytes: 1, maxFiles: 1, kept: true },
  };
  return new FakeMonitor(spec, script);
}

async function connected(
  script: MonitorScript = {},
  options: Partial<MonitorClientOptions> = {},
): Promise<{ monitor: FakeMonitor; client: MonitorClient; close(): void }> {
  const dir = tmpDir();
  const monitor = monitorIn(dir, script);
  const client = await MonitorClient.connect(`${dir}/monitor.sock`, { timeoutMs: 5000, ...options });
  const close = (): void => {
    client.close();
    monitor.die();
  };
  return { monitor, client, close };
}

test("answers find their requests, in whatever order they come", async () => {
  const { client, close } = await connected({ answers: { signal: () => undefined } });
  const first = client.request("signal", { target: "main", signal: 1 });
  const second = client.request("stats", {});
  first.catch(() => undefined);
  const { pid, memoryUsedBytes, processes } = await second;
  assert.deepEqual([pid, memoryUsedBytes, processes], [0, 1_000_000, 3]);
  close();
  await assert.rejects(first, unreachable);
});

test("the agent's errors are told in the user's terms, unknown ones as failures", async () => {
  const { client, close } = await connected({
    answers: {
      signal: () => agentError("NOT_FOUND", "no such file"),
      resize: () => agentError("constructor", "odd"),
      stats: () => agentError("", ""),
    },
  });
  await assert.rejects(client.request("signal", { target: "main", signal: 1 }), {
    code: "COMMAND_NOT_FOUND",
    message: "no such file",
  });
  await assert.rejects(client.request("resize", { target: "main", rows: 1, cols: 1 }), {
    code: "VM_FAILED",
    message: "odd",
  });
  await assert.rejects(client.request("stats", {}), { code: "VM_FAILED" });
  close();
});

const malformed: [what: string, message: unknown][] = [
  ["null", null],
  ["an array", []],
  ["text", "text"],
  ["nothing at all", {}],
  ["an announcement without anything", { event: "monitor" }],
  ["an announcement that is a list", { event: "monitor", params: [] }],
  ["a forged agent", { event: "monitor", params: { agent: "forged", main: "none" } }],
  ["an agent without a kernel", { event: "monitor", params: { agent: { protocol: 1 }, main: "none" } }],
  ["a main process of no known state", { event: "monitor", params: { agent: null, main: "everywhere" } }],
  ["an exec's end without anything", { event: "execExited" }],
  ["an exec's end with an odd id", { event: "execExited", params: { id: 5, code: 0 } }],
  ["an exec's end with no exit code", { event: "execExited", params: { id: "e", code: 1e9 } }],
  ["an answer with an odd id", { id: 5, result: {} }],
  ["an answer with an odd number", { id: "x", result: { pid: -1 } }],
  ["an answer without a result", { id: "x" }],
  ["an error that is none", { id: "x", error: { code: 7 } }],
];
for (const [what, message] of malformed) {
  test(`what no monitor says ends the connection, and with it what was asked: ${what}`, async () => {
    const { monitor, client, close } = await connected({ answers: { stats: () => undefined } });
    const asked = client.request("stats", {});
    await monitor.request("stats");
    monitor.tell(message);
    await assert.rejects(asked, unreachable);
    assert.equal(client.connected, false);
    close();
  });
}

test("what a newer monitor may say, and answers that nobody waits for, are ignored", async () => {
  const { monitor, client, close } = await connected();
  monitor.tell({ event: "unheard-of", params: {} });
  monitor.tell({ id: "nobody-asked", result: { pid: 1, more: [] } });
  monitor.tell({ id: "nobody-asked", error: { code: "NOT_FOUND", message: "" } });
  const { memoryUsedBytes, processes } = await client.request("stats", {});
  assert.deepEqual([memoryUsedBytes, processes], [1_000_000, 3]);
  close();
});

test("exits of execs are told", async () => {
  const ends: [string, number][] = [];
  const { monitor, client, close } = await connected(
    {},
    { onExecExited: (id, exitCode) => ends.push([id, exitCode]) },
  );
  await client.waitFor(() => client.agent !== undefined);
  monitor.tell({ event: "execExited", params: { id: "e", code: 3 } });
  await client.request("stats", {});
  assert.deepEqual(ends, [["e", 3]]);
  close();
});

test("a request that no monitor would take is not sent", async () => {
  const { monitor, client, close } = await connected();
  const target = "x".repeat(1024 * 1024);
  await assert.rejects(client.request("signal", { target, signal: 1 }), { code: "INVALID_ARGUMENT" });
  await client.request("stats", {});
  assert.deepEqual(monitor.methods(), ["stats"]);
  close();
});

test("text of an old record that is no Unicode does not keep a request from being read", async () => {
  const { monitor, client, close } = await connected();
  await client.request("signal", { target: "a\ud800b \\ud800 \ud83d\ude00", signal: 1 });
  assert.deepEqual(await monitor.request("signal"), {
    target: "a\ufffdb \\ud800 \u{1f600}",
    signal: 1,
  });
  close();
});

const notJson = Buffer.from("{nonsense");
for (const [what, bytes] of [
  ["a frame of no known type", Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0)],
  ["a frame that is too long", Uint8Array.of(FrameType.json, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)],
  ["a message that is no JSON", Buffer.concat([frameHeader(FrameType.json, notJson.length), notJson])],
] as const) {
  test(`${what} ends the connection, and with it what was asked`, async () => {
    const { monitor, client, close } = await connected({ answers: { stats: () => undefined } });
    const asked = client.request("stats", {});
    await monitor.request("stats");
    monitor.tellBytes(bytes);
    await assert.rejects(asked, unreachable);
    await client.closed;
    assert.equal(client.connected, false);
    await assert.rejects(client.request("stats", {}), unreachable);
    close();
  });
}

test("a monitor that ends its side of the connection ends what was asked", async () => {
  const { monitor, client, close } = await connected({ answers: { stats: () => undefined } });
  const asked = client.request("stats", {});
  await monitor.request("stats");
  monitor.control?.end();
  await assert.rejects(asked, unreachable);
  assert.equal(await client.waitFor(() => false), false);
  close();
});

test("a monitor that is just starting is waited for; one that has ended is not", async () => {
  const dir = tmpDir();
  const connecting = MonitorClient.connect(`${dir}/monitor.sock`, { timeoutMs: 60_000 });
  const monitor = monitorIn(dir);
  (await connecting).close();
  monitor.die();

  const gone = new AbortController();
  const hopeless = MonitorClient.connect(`${tmpDir()}/monitor.sock`, {
    timeoutMs: 60_000,
    signal: gone.signal,
  });
  gone.abort();
  await assert.rejects(hopeless, unreachable);
});

test("a monitor that does not come is given up", async () => {
  await assert.rejects(MonitorClient.connect(`${tmpDir()}/monitor.sock`, { timeoutMs: 0 }), {
    code: "AGENT_UNREACHABLE",
    message: "the VM's monitor does not answer",
  });
});

test("a monitor that takes connections and says nothing is given up, and said to be the silent one", async (t) => {
  process.env.MOCKER_AGENT_TIMEOUT_MS = "200";
  t.after(() => delete process.env.MOCKER_AGENT_TIMEOUT_MS);
  const { monitor, client, close } = await connected({ silent: true, answers: { stats: () => undefined } });
  const silent = {
    code: "AGENT_UNREACHABLE",
    message: "the VM's monitor did not answer within 0.2 seconds",
    hint: /mocker kill, or mocker rm -f/,
  };
  await assert.rejects(client.request("stats", {}), silent);
  await assert.rejects(client.heard(), silent);
  const hearing = client.heard();
  monitor.announce();
  await hearing;
  await assert.rejects(client.request("stats", {}), {
    message: "the guest agent did not answer within 0.2 seconds",
  });
  close();
});
