import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { MockerError } from "../../../../engine/protocol/errors.ts";
import { FrameDecoder, FrameType, frameHeader } from "../../../../engine/protocol/stream.ts";
import { tmpDir } from "../../../support/tmp-dir.ts";
import { FakeVms } from "./fake-vms.ts";
import { agentError, type FakeMonitor, json, textOf } from "./machine/fake-monitor.ts";

/** Both ends of a client's connection. */
async function clientPair(): Promise<{ client: Socket; engineEnd: Socket }> {
  const path = join(tmpDir(), "c");
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(path);
  await once(server, "listening");
  const client = connect({ path, allowHalfOpen: true });
  const [engineEnd] = (await once(server, "connection")) as [Socket];
  server.close();
  return { client, engineEnd };
}

/** A stream that the engine opened, once it is there. */
async function stream(monitor: FakeMonitor, role: string): Promise<FakeMonitor["streams"][number]> {
  const find = () => monitor.streams.find(({ hello }) => hello.role === role);
  await monitor.until(() => find() !== undefined);
  const found = find();
  assert.ok(found);
  return found;
}

/** Resolves when the engine has handled what the monitor has sent so far. */
async function handled(vms: FakeVms): Promise<void> {
  await vms.manager.stats({ vm: "box" });
}

test("a terminal has 24 rows of 80 columns unless it is said otherwise", async () => {
  const vms = new FakeVms();
  await vms.create({ tty: true });
  await vms.manager.start({ vm: "box" });
  const usual = await vms.launcher.last.request("start");
  assert.deepEqual([usual.rows, usual.cols, usual.tty], [24, 80, true]);
  await vms.manager.stop({ vm: "box" });
  await vms.manager.start({ vm: "box", rows: 50, columns: 132 });
  const wide = await vms.launcher.last.request("start");
  assert.deepEqual([wide.rows, wide.cols], [50, 132]);
});

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

test("an exec is of the VM, but for what it is asked to be", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run({ env: ["A=1"] });
  const { execId } = await vms.manager.exec({
    vm: "box",
    command: ["sh"],
    env: ["B=2"],
    tty: true,
    detach: true,
  });
  const request = await monitor.request("exec");
  assert.deepEqual(request, {
    stream: execId,
    argv: ["sh"],
    env: [defaultPath, `HOSTNAME=${vm.config.hostname}`, "TERM=xterm", ...vm.config.env, "B=2"],
    cwd: "/srv",
    user: "app",
    tty: true,
    rows: 24,
    cols: 80,
    stdin: false,
    detach: true,
  });
  assert.match(execId, /^[0-9a-f]{64}$/);
});

test("an attached client is sent 64 KiB of earlier output at most", async () => {
  const vms = new FakeVms();
  const { monitor } = await vms.run({ openStdin: true });
  const { tty } = await vms.manager.attach({ vm: "box", stdin: true, replayBytes: 1e9 });
  assert.equal(tty, false);
  assert.deepEqual((await stream(monitor, "attach")).hello, {
    role: "attach",
    replayBytes: 65536,
    stdin: true,
  });
});

test("times of logs are checked before anything is sent", async () => {
  const vms = new FakeVms();
  await vms.create();
  await assert.rejects(vms.manager.logs({ vm: "box", since: "yesterday" }), MockerError);
});

test("a log is as large as its options say, and a VM without one has nothing to read", async () => {
  const vms = new FakeVms();
  const options = { "max-size": "1m", "max-file": "2" };
  const { vm, monitor } = await vms.run({ log: { driver: "json-file", options } });
  assert.deepEqual(monitor.spec.log, { maxBytes: 1_000_000, maxFiles: 2, kept: true });
  assert.deepEqual(vms.manager.inspect({ vm: "box" }).config.log, { driver: "json-file", options });
  writeFileSync(vm.files.logPath, "# 2500000\n");
  assert.deepEqual((await vms.manager.logs({ vm: "box" })).warnings, [
    "the oldest 2.5MB of the log are gone: it has 2 files of at most 1MB (see: --log-opt)",
  ]);
  assert.deepEqual((await vms.manager.logs({ vm: "box", tail: 1 })).warnings, []);
  await vms.run({ name: "quiet", log: { driver: "none", options: {} } });
  assert.equal(vms.launcher.last.spec.log.kept, false);
  await assert.rejects(vms.manager.logs({ vm: "quiet" }), {
    message: "configured logging driver does not support reading",
  });
  await assert.rejects(vms.create({ name: "bad", log: { driver: "", options: { "max-file": "0" } } }), {
    message: /max-file cannot be less than 1/,
  });
});

test("an exec is found while it runs and after its end, with its exit code", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run();
  const { execId } = await vms.manager.exec({ vm: "box", command: ["sleep", "1"], detach: true });
  const exec = vms.manager.inspectExec({ execId });
  assert.deepEqual([exec.state, exec.pid, exec.config.vmId], ["running", 7, vm.id]);
  monitor.tell({ event: "execExited", params: { id: "f".repeat(64), code: 1 } });
  await handled(vms);
  assert.equal(exec.state, "running", "another's end is not its end");
  monitor.tell({ event: "execExited", params: { id: execId, code: 3 } });
  monitor.tell({ event: "execExited", params: { id: execId, code: 4 } });
  await handled(vms);
  assert.deepEqual([exec.state, exec.exitCode], ["exited", 3]);
  assert.deepEqual(
    vms.events
      .between()
      .filter(({ type }) => type === "container")
      .map(({ action, actor }) => [action, actor.attributes.execID === execId]),
    [
      ["create", false],
      ["start", false],
      ["exec_create: sleep 1", true],
      ["exec_start: sleep 1", true],
      ["exec_die", true],
    ],
  );
  assert.equal(vms.events.between().at(-1)?.actor.attributes.exitCode, "3");
});

test("an exec that cannot start has Docker's exit code; one whose VM ends was killed", async () => {
  const vms = new FakeVms();
  vms.launcher.script = {
    answers: {
      exec: ({ argv }) => (String(argv) === "nope" ? agentError("NOT_FOUND", "not found") : { pid: 9 }),
    },
  };
  const { monitor } = await vms.run();
  await assert.rejects(vms.manager.exec({ vm: "box", command: ["nope"] }), { code: "COMMAND_NOT_FOUND" });
  const missing = String((await monitor.request("exec")).stream);
  assert.equal(vms.manager.inspectExec({ execId: missing }).exitCode, 127);
  const { execId } = await vms.manager.exec({ vm: "box", command: ["sleep"], detach: true });
  await vms.manager.kill({ vm: "box" });
  assert.equal(vms.manager.inspectExec({ execId }).exitCode, 137);
  await vms.manager.remove({ vm: "box" });
  assert.throws(() => vms.manager.inspectExec({ execId }), { code: "VM_NOT_FOUND" });
});

test("an exec's stream leaves nothing behind in a VM that runs on", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const vms = new FakeVms();
  const { monitor } = await vms.run();
  const exec = async (): Promise<WeakRef<object>> => {
    const { attachment } = await vms.manager.exec({ vm: "box", command: ["true"] });
    assert.ok(attachment);
    const { client, engineEnd } = await clientPair();
    attachment.claim(engineEnd);
    const { socket } = await stream(monitor, "stream");
    socket.end("output");
    monitor.streams.length = 0;
    assert.equal(await textOf(client), "output");
    client.destroy();
    await attachment.closed;
    return new WeakRef(attachment);
  };
  const ended = await exec();
  for (let round = 0; round < 100 && ended.deref(); round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
  }
  assert.equal(ended.deref(), undefined);
});

test("what a guest uses is what its agent says, if that makes sense", async () => {
  const vms = new FakeVms();
  await vms.run({ memoryMiB: 128 });
  const { memoryUsedBytes: used, pids: few, memoryLimitBytes } = await vms.manager.stats({ vm: "box" });
  assert.deepEqual([used, few, memoryLimitBytes], [1_000_000, 3, 128 * 1024 * 1024]);
  await vms.manager.stop({ vm: "box" });
  const { running, pids: none } = await vms.manager.stats({ vm: "box" });
  assert.deepEqual([running, none], [false, 0]);
  vms.launcher.script = { answers: { stats: () => ({}) } };
  await vms.manager.start({ vm: "box" });
  const { memoryUsedBytes, pids } = await vms.manager.stats({ vm: "box" });
  assert.deepEqual([memoryUsedBytes, pids], [0, 0]);
});

test("who starts a VM is told by its runtime how far the image is unpacked", async () => {
  const vms = new FakeVms();
  await vms.create();
  const told: object[] = [];
  await vms.manager.start({ vm: "box" }, (progress) => told.push(progress));
  const progress = { currentBytes: 1, totalBytes: 2 };
  vms.runtime.requests.at(-1)?.onUnpack?.(progress);
  assert.deepEqual(told, [progress]);
});

test("events and changes tell of a VM's life, in Docker's words and order", async () => {
  const vms = new FakeVms();
  await vms.run({ labels: { tier: "web" } });
  await vms.manager.stop({ vm: "box" });
  await vms.manager.start({ vm: "box" });
  vms.launcher.last.exit({ exitCode: 7 });
  assert.equal((await vms.manager.wait({ vm: "box" })).exitCode, 7);
  await vms.manager.remove({ vm: "box" });
  assert.deepEqual(vms.actions(), ["create", "start", "kill", "die", "stop", "start", "die", "destroy"]);
  assert.deepEqual(
    vms.changes.map(({ kind, vm }) => [kind, vm?.state]),
    [
      ["created", "created"],
      ["started", "running"],
      ["exited", "exited"],
      ["started", "running"],
      ["exited", "exited"],
      ["removed", undefined],
    ],
  );
  const own = vms.events.between().filter(({ type }) => type === "container");
  const kill = own[2];
  assert.deepEqual(kill?.actor.attributes, { tier: "web", image: "box", name: "box", signal: "15" });
  assert.equal(own[3]?.actor.attributes.exitCode, "143");
});

test("wait: for what runs, for the next exit, for the removal", async () => {
  const vms = new FakeVms();
  const { monitor } = await vms.run();
  const notRunning = vms.manager.wait({ vm: "box" });
  const removed = vms.manager.wait({ vm: "box", condition: "removed" });
  monitor.exit({ exitCode: 5, reason: "vm-died", message: "it died" });
  assert.deepEqual(await notRunning, { exitCode: 5, reason: "it died" });
  assert.equal((await vms.manager.wait({ vm: "box" })).exitCode, 5, "it does not run: at once");
  const next = vms.manager.wait({ vm: "box", condition: "next-exit" });
  await vms.manager.start({ vm: "box" });
  await vms.manager.stop({ vm: "box" });
  assert.equal((await next).exitCode, 143);
  await vms.manager.remove({ vm: "box" });
  assert.equal((await removed).exitCode, 143);
});

test("a client that attached before the start has its stream with it", async () => {
  const vms = new FakeVms();
  await vms.create({ openStdin: true });
  const { attachment } = await vms.manager.attach({ vm: "box", stdin: true });
  const { client, engineEnd } = await clientPair();
  attachment.claim(engineEnd);
  await vms.manager.start({ vm: "box" });
  const { socket } = await stream(vms.launcher.last, "attach");
  const message = json({ exit: { code: 0 } });
  socket.end(message);
  assert.equal(await textOf(client), Buffer.from(message).toString("utf8"));
  client.destroy();
  await attachment.closed;
});

/** A client that gives the main process input, and what the monitor hears of it. */
class InputClient {
  readonly heard: string[] = [];
  readonly #client: Socket;
  readonly #monitor: Socket;

  private constructor(client: Socket, monitor: Socket) {
    this.#client = client;
    this.#monitor = monitor;
    const decoder = new FrameDecoder((_, payload) => this.heard.push(Buffer.from(payload).toString("utf8")));
    monitor.on("data", (chunk: Buffer) => decoder.push(chunk));
  }

  static async attach(vms: FakeVms): Promise<InputClient> {
    const monitor = vms.launcher.last;
    const known = monitor.streams.length;
    const { attachment } = await vms.manager.attach({ vm: "box", stdin: true });
    const { client, engineEnd } = await clientPair();
    attachment.claim(engineEnd);
    await monitor.until(() => monitor.streams.length > known);
    const opened = monitor.streams.at(-1);
    assert.ok(opened);
    return new InputClient(client, opened.socket);
  }

  /** Sends a line, the end of input and another line. */
  async sayAndEnd(): Promise<string[]> {
    this.#client.write(Buffer.concat([input("one"), input(""), input("two")]));
    while (!this.heard.includes("two")) await once(this.#monitor, "data");
    return this.heard;
  }

  /** Goes without a word. */
  async vanish(): Promise<string[]> {
    const over = once(this.#monitor, "end");
    this.#client.destroy();
    await over;
    this.#monitor.destroy();
    return this.heard;
  }
}

function input(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([frameHeader(FrameType.stdin, payload.length), payload]);
}

test("the end of a client's input is not the end of the main process's, as in Docker", async () => {
  const vms = new FakeVms();
  await vms.run({ openStdin: true });
  const client = await InputClient.attach(vms);
  assert.deepEqual(await client.sayAndEnd(), ["one", "two"]);
  assert.deepEqual(await client.vanish(), ["one", "two"]);
});

test("a terminal's input has no end, not even where the VM was made for one client", async () => {
  const vms = new FakeVms();
  await vms.run({ openStdin: true, stdinOnce: true, tty: true });
  const client = await InputClient.attach(vms);
  assert.deepEqual(await client.sayAndEnd(), ["one", "two"]);
  assert.deepEqual(await client.vanish(), ["one", "two"]);
});

test("input that ends with its client ends with the first, and with no other", async () => {
  const vms = new FakeVms();
  await vms.run({ openStdin: true, stdinOnce: true });
  const first = await InputClient.attach(vms);
  const second = await InputClient.attach(vms);
  assert.deepEqual(await second.sayAndEnd(), ["one", "two"]);
  assert.deepEqual(await second.vanish(), ["one", "two"]);
  assert.deepEqual(await first.sayAndEnd(), ["one", "", "two"]);
  assert.deepEqual(await first.vanish(), ["one", "", "two", ""]);
});

test("a VM that an older version made keeps the end of its input", async () => {
  const vms = new FakeVms();
  const vm = await vms.create({ openStdin: true });
  const { stdinOnce: _, ...older } = vm.config;
  vm.files.writeConfig(older);
  const next = new FakeVms(vms);
  await next.recover();
  assert.equal(next.manager.inspect({ vm: "box" }).config.stdinOnce, true);
  await next.manager.start({ vm: "box" });
  const client = await InputClient.attach(next);
  assert.deepEqual(await client.sayAndEnd(), ["one", "", "two"]);
  await client.vanish();
});

test("a client that waits for a start is let go when the VM is removed", async () => {
  const vms = new FakeVms();
  await vms.create();
  const { attachment } = await vms.manager.attach({ vm: "box" });
  await vms.manager.remove({ vm: "box" });
  await attachment.closed;
});

test("a VM that does not run is exported by a helper machine, without its volumes and network", async () => {
  const vms = new FakeVms();
  const vm = await vms.create({
    mounts: [{ type: "bind", source: "/host", target: "/data", readOnly: false }],
  });
  const attachment = await vms.manager.export({ vm: "box" });
  const helper = vms.launcher.last;
  const [copy] = vms.runtime.copies;
  assert.deepEqual([copy?.mounts, copy?.network, copy?.imageId], [[], { mode: "none" }, vm.config.imageId]);
  assert.notEqual(helper.spec.vmId, vm.id);
  assert.equal((await helper.request("start")).idle, true);
  const { archive, argv } = await helper.request("exec");
  assert.deepEqual([archive, argv], [true, ["export"]]);
  assert.deepEqual(
    [vm.state, vms.manager.counts()],
    ["created", { total: 1, running: 0, paused: 0, weaklyJailed: 0 }],
  );
  const ended = new Promise<void>((resolve) => helper.onExit(resolve));
  attachment.close();
  await ended;
  while (readdirSync(vms.state.path).length > 1) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(readdirSync(vms.state.path), [vm.id]);
  assert.deepEqual(vms.actions(), ["create", "export"]);
});

test("a helper machine that cannot boot leaves nothing behind", async () => {
  const vms = new FakeVms();
  const vm = await vms.create();
  vms.launcher.script = { answers: { configure: () => agentError("BAD_MOUNT", "no disk") } };
  await assert.rejects(vms.manager.export({ vm: "box" }), { code: "MOUNT_INVALID" });
  assert.deepEqual(readdirSync(vms.state.path), [vm.id]);
  await vms.manager.remove({ vm: "box" });
});

test("an export that was asked for after a start is of the VM that runs", async () => {
  const vms = new FakeVms();
  await vms.create();
  const start = vms.manager.start({ vm: "box" });
  await vms.manager.export({ vm: "box" });
  await start;
  assert.equal(vms.launcher.monitors.length, 1);
  assert.ok(vms.launcher.last.methods().includes("exec"));
});

const never = new AbortController().signal;

test("what is put into a VM that does not run is put into its own files and volumes, and a start waits", async () => {
  const vms = new FakeVms();
  const vm = await vms.create({ mounts: [{ type: "volume", name: "data", target: "/x", readOnly: false }] });
  const done = vms.manager.useFiles({ vm: "box", changes: true }, (files) => files.stat("/x", never), never);
  const helper = await vms.launcher.next();
  const start = vms.manager.start({ vm: "box" });
  assert.deepEqual((await helper.request("exec")).argv, ["stat", "/x"]);
  assert.notEqual(helper.spec.vmId, vm.id);
  const [request] = vms.runtime.changes;
  assert.deepEqual(
    [request?.network, request?.mounts.map(({ target }) => target)],
    [{ mode: "none" }, ["/x"]],
  );
  assert.deepEqual(helper.spec.simulation?.paths, [join(vm.files.dir, "upper")]);
  await helper.until(() => helper.streams.length > 0);
  const [stream] = helper.streams;
  stream?.socket.end(json({ exit: { code: 2 } }));
  assert.equal(await done, undefined);
  assert.equal(helper.isOver, true);
  await start;
  assert.equal(vm.running, true);
});

test("an agent of an older Mocker is asked for nothing that it would take for an export", async () => {
  const vms = new FakeVms();
  vms.launcher.script = { protocol: 1 };
  const { monitor } = await vms.run();
  const use = vms.manager.useFiles({ vm: "box", changes: true }, (files) => files.stat("/x", never), never);
  await assert.rejects(use, { code: "FEATURE_UNAVAILABLE" });
  assert.ok(!monitor.methods().includes("exec"));
  await vms.manager.copy({ vm: "box", copy: { path: "/x", name: "x", followLink: false } });
  assert.ok(monitor.methods().includes("exec"));
});

test("a VM ends even where its end cannot be written down", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run();
  rmSync(vm.files.dir, { recursive: true });
  monitor.die();
  const { exitCode, reason } = await vms.manager.wait({ vm: "box" });
  assert.equal(exitCode, 137);
  assert.match(reason ?? "", /killed from outside/);
  assert.equal(vms.errors().length, 1);
});

test("an engine that comes after a crash kills the helper machine that was left", async () => {
  const before = new FakeVms();
  await before.create();
  await before.manager.export({ vm: "box" });
  const helper = before.launcher.last;
  helper.writeRuntime(1);
  const after = new FakeVms(before);
  await after.recover();
  assert.equal(helper.isOver, true);
  assert.equal(after.manager.find("box").state, "created");
});

/** Names of the volumes, anonymous ones as such. */
function volumesOf(vms: FakeVms): string[] {
  return vms.volumes.list().map(({ name, anonymous }) => (anonymous ? "anonymous" : name));
}

const data = { type: "volume", name: "data", target: "/x", readOnly: false } as const;

test("a VM's volumes are made with it, and stay when it goes, but for anonymous ones that go with it", async () => {
  const vms = new FakeVms();
  const first = await vms.create({ image: "data", mounts: [data] });
  assert.deepEqual(volumesOf(vms).sort(), ["anonymous", "data"]);
  await assert.rejects(vms.volumes.remove({ name: "data" }), {
    code: "VOLUME_IN_USE",
    message: `remove data: volume is in use - [${first.id}]`,
  });
  await vms.manager.remove({ vm: "box" });
  assert.equal(volumesOf(vms).length, 2);
  await vms.volumes.prune();
  await vms.create({ image: "data", mounts: [data] });
  await vms.manager.remove({ vm: "box", volumes: true });
  assert.deepEqual(volumesOf(vms), ["data"]);
});

test("--rm takes the anonymous volumes along, unless another VM has them", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run({ image: "data", autoRemove: true });
  const { id: other } = await vms.manager.create({ image: "box", name: "other", volumesFrom: ["box"] });
  const inspected = vms.manager.inspect({ vm: other }).mounts;
  assert.deepEqual(
    inspected.map((mount) => [
      mount.type,
      mount.target,
      "source" in mount && mount.source?.split("/").at(-1),
    ]),
    [["volume", "/data", "_data"]],
  );
  const removed = vms.manager.wait({ vm: vm.id, condition: "removed" });
  monitor.exit();
  await removed;
  assert.deepEqual(volumesOf(vms), ["anonymous"]);
  await vms.manager.remove({ vm: other, volumes: true });
  assert.deepEqual(volumesOf(vms), []);
});

test("--rm does so too when the engine was killed while the VM was made", async () => {
  const vms = new FakeVms();
  await vms.recover();
  vms.volumes.ensure({ name: "anonymous-one", anonymous: true, removedWith: "f".repeat(64) });
  const next = new FakeVms(vms);
  await next.recover();
  assert.deepEqual(next.volumes.list(), []);
});

test("a VM that cannot be made leaves no anonymous volume", async () => {
  const vms = new FakeVms();
  await vms.create();
  const volume = { type: "volume", target: "/x", readOnly: false } as const;
  const bad = { ...data, name: "x", target: "/y" };
  await assert.rejects(vms.manager.create({ image: "data", name: "two", mounts: [volume, bad] }), {
    message: /^create x: volume name is too short/,
  });
  assert.deepEqual(volumesOf(vms), []);
});

test("the workload starts when the mark of a volume that is filled is gone, and only the first start fills", async () => {
  const vms = new FakeVms();
  const vm = await vms.create({ mounts: [data] });
  const record = (): { filling?: true } =>
    JSON.parse(readFileSync(join(vms.volumesPath, "data", "volume.json"), "utf8"));
  const marks: unknown[] = [];
  const mark = (): Record<string, never> => {
    marks.push(record().filling);
    return {};
  };
  vms.launcher.script = { answers: { configure: mark, start: mark } };
  await vms.manager.start({ vm: vm.id });
  assert.deepEqual(marks, [true, undefined]);
  vms.launcher.script = {};
  await vms.manager.stop({ vm: vm.id });
  await vms.manager.start({ vm: vm.id });
  assert.deepEqual(
    vms.runtime.requests.map(({ mounts }) => mounts.map((mount) => mount.type === "share" && mount.fill)),
    [[true], [false]],
  );
  assert.deepEqual(
    vms.events
      .between()
      .filter(({ type }) => type === "volume")
      .map(({ action }) => action),
    ["create", "mount", "unmount", "mount"],
  );
});

test("a start that fails gives its volumes back, and the next one fills anew", async () => {
  const vms = new FakeVms();
  const vm = await vms.create({ mounts: [data] });
  vms.launcher.script = { answers: { configure: () => agentError("BAD_MOUNT", "no space left") } };
  await assert.rejects(vms.manager.start({ vm: vm.id }), { code: "MOUNT_INVALID", message: "no space left" });
  vms.launcher.script = {};
  await vms.manager.start({ vm: vm.id });
  assert.deepEqual(
    vms.runtime.requests.map(({ mounts }) =>
      mounts.map((mount) => mount.type === "share" && [mount.fill, mount.clear]),
    ),
    [[[true, false]], [[true, true]]],
  );
});

test("ps finds VMs by their volumes and targets", async () => {
  const vms = new FakeVms();
  await vms.create({ mounts: [data] });
  const found = async (volume: string): Promise<number> =>
    (await vms.manager.list({ all: true, filters: { volume: [volume] } })).length;
  assert.deepEqual([await found("data"), await found("/x"), await found("other")], [1, 1, 0]);
});

test("what contains a VM's process is told of it while it runs, and whether it may be little", async () => {
  const vms = new FakeVms();
  const { monitor, vm } = await vms.run({ securityOpt: ["jail=weak", "label=disable"] });
  const details = () => vms.manager.inspect({ vm: "box" });
  assert.deepEqual(details().config.securityOpt, ["jail=weak", "label=disable"]);
  assert.equal(details().jail, undefined);
  const weak = [{ name: "own root", on: false, detail: "operation not permitted" }];
  monitor.tell({ event: "monitor", params: { agent: null, main: "running", jail: weak } });
  await handled(vms);
  assert.deepEqual(details().jail, weak);
  // The simulation has no jail of that kind.
  assert.equal(vm.weaklyJailed, false);
});

test("an option that makes no sense is refused before the image is asked for", async () => {
  const vms = new FakeVms();
  const refused = vms.manager.create({ image: "nowhere", securityOpt: ["jail=none"] });
  await assert.rejects(refused, {
    code: "INVALID_ARGUMENT",
    message: 'invalid --security-opt 2: "jail=none"',
  });
});

test("no-new-privileges is for the main process and for execs", async () => {
  const vms = new FakeVms();
  const { monitor } = await vms.run({ securityOpt: ["no-new-privileges"] });
  await vms.manager.exec({ vm: "box", command: ["true"], detach: true });
  for (const method of ["start", "exec"]) {
    assert.equal((await monitor.request(method)).noNewPrivileges, true, method);
  }
});

test("a setting that cannot be read leaves no VM behind", async () => {
  const vms = new FakeVms();
  vms.warnsOfSimulation = () => {
    throw new MockerError("INVALID_ARGUMENT", "it cannot be read");
  };
  await assert.rejects(vms.manager.create({ image: "box", name: "box" }), { message: "it cannot be read" });
  assert.equal(vms.manager.counts().total, 0);
  vms.warnsOfSimulation = () => true;
  await vms.run();
});
