import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProcessList } from "../../../../../engine/daemon/vms/usage/process-list.ts";
import { FrameType, frameHeader } from "../../../../../engine/protocol/stream.ts";
import { FakeVms } from "../fake-vms.ts";
import { agentError, json } from "../machine/fake-monitor.ts";

const machine = { nowMs: 1_767_323_045_000, bootMs: 60_000, memoryBytes: 1024 };
const sleeping = {
  pid: 7,
  ppid: 1,
  pgid: 7,
  sid: 7,
  tty: "?",
  state: "S",
  uid: 0,
  ruid: 0,
  user: "root",
  ruser: "root",
  gid: 0,
  group: "root",
  rgroup: "root",
  threads: 1,
  nice: 0,
  priority: 20,
  cpuTicks: 5,
  startTicks: 100,
  virtualKiB: 8,
  residentKiB: 4,
  name: "sleep",
  command: "sleep 9",
};

const lines = (...objects: object[]): string => objects.map((one) => `${JSON.stringify(one)}\n`).join("");

test("a list is made of what the agent says, without what controls a terminal", () => {
  const wicked = { ...sleeping, command: "a\u001b[2Jb\tc\nd" };
  const list = parseProcessList(lines(machine, sleeping, wicked));
  assert.deepEqual(list.machine, machine);
  assert.deepEqual(
    list.processes.map(({ command }) => command),
    ["sleep 9", "a\ufffd[2Jb\ufffdc\ufffdd"],
  );
});

test("what no agent says is refused", () => {
  for (const output of ["", lines(sleeping), lines(machine, {}), `${lines(machine)}{`]) {
    assert.throws(() => parseProcessList(output), { code: "VM_FAILED", message: /makes no sense/ });
  }
});

test("top asks the agent, and shows what ps would", async () => {
  const vms = new FakeVms();
  const { monitor } = await vms.run();
  const asked = vms.manager.top({ vm: "box", psArgs: "-o pid,comm" });
  await monitor.until(() => monitor.streams.some(({ hello }) => hello.role === "stream"));
  assert.equal((await monitor.request("exec")).processes, true);
  const text = Buffer.from(lines(machine, sleeping));
  const [stream] = monitor.streams.filter(({ hello }) => hello.role === "stream");
  assert.ok(stream);
  stream.socket.write(Buffer.concat([frameHeader(FrameType.stdout, text.length), text]));
  stream.socket.end(json({ exit: { code: 0 } }));
  assert.deepEqual(await asked, { titles: ["PID", "COMMAND"], processes: [["7", "sleep"]] });
  assert.equal(vms.actions().at(-1), "top");
});

test("an agent that breaks off, and an older one, are said to be so", async () => {
  const vms = new FakeVms();
  const { monitor } = await vms.run();
  const asked = vms.manager.top({ vm: "box" });
  await monitor.until(() => monitor.streams.some(({ hello }) => hello.role === "stream"));
  monitor.streams.find(({ hello }) => hello.role === "stream")?.socket.destroy();
  await assert.rejects(asked, { code: "VM_FAILED", message: /broke off/ });
  await vms.manager.remove({ vm: "box", force: true });
  vms.launcher.script = { answers: { exec: () => agentError("NOT_FOUND", "executable file not found") } };
  await vms.run();
  await assert.rejects(vms.manager.top({ vm: "box" }), {
    code: "FEATURE_UNAVAILABLE",
    message: /older Mocker/,
  });
});
