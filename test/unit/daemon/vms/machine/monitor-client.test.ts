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

const unreachable = { code: "AGENT_UNREACHABLE", message: "the VM ended before it answered" };

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
  assert.deepEqual(await second, { memoryUsedBytes: 1_000_000, processes: 3 });
  close();
  await assert.rejects(first, unreachable);
});

test("the agent's errors are told in the user's terms, unknown ones as failures", async () => {
  const { client, close } = await connected({
    answers: {
      signal: () => agentError("NOT_FOUND", "no such file"),
      resize: () => agentError("constructor", "odd"),
      stats: () => ({ error: { code: 7 } }),
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

test("what makes no sense is ignored, and the connection goes on", async () => {
  const ends: [string, number][] = [];
  const { monitor, client, close } = await connected(
    {},
    { onExecExited: (id, exitCode) => ends.push([id, exitCode]) },
  );
  await client.waitFor(() => client.agent !== undefined);
  for (const message of [
    null,
    [],
    "text",
    7,
    {},
    { event: "monitor" },
    { event: "monitor", params: { agent: "forged", main: "everywhere" } },
    { event: "monitor", params: [] },
    { event: "execExited" },
    { event: "execExited", params: { id: 5, code: 0 } },
    { event: "unheard-of", params: {} },
    { id: "nobody-asked", result: {} },
    { id: 5, result: {} },
    { id: "nobody-asked", error: { code: "NOT_FOUND" } },
  ])
    monitor.tell(message);
  assert.deepEqual(await client.request("stats", {}), { memoryUsedBytes: 1_000_000, processes: 3 });
  assert.deepEqual(ends, []);
  assert.equal(client.agent?.kernel, "6.12.0");
  assert.equal(client.main, "none");
  close();
});

test("exits of execs are told with codes that are exit codes", async () => {
  const ends: [string, number][] = [];
  const { monitor, client, close } = await connected(
    {},
    { onExecExited: (id, exitCode) => ends.push([id, exitCode]) },
  );
  await client.waitFor(() => client.agent !== undefined);
  for (const code of [3, 1e9, -1, "x"]) monitor.tell({ event: "execExited", params: { id: "e", code } });
  await client.request("stats", {});
  assert.deepEqual(ends, [
    ["e", 3],
    ["e", 255],
    ["e", 0],
    ["e", 255],
  ]);
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
