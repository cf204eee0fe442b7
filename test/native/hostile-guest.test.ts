import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FrameDecoder, FrameType } from "../../engine/protocol/stream.ts";
import { rootDir } from "../support/paths.ts";
import { compiled } from "./compiled.ts";
import { AgentError, encodeFrame, isAlive, jsonFrame, member, until, Vm } from "./vm.ts";

// The monitor's krun child loads a library that boots nothing; the guest's side of agent.sock is played here.
let libkrunPath = "";
before(async () => {
  const source = join(rootDir(), "test", "native", "fake-libkrun.c");
  libkrunPath = await compiled("libkrun.so.1", "cc", ["-shared", "-fPIC", source], [source]);
});

let vm: Vm | undefined;
afterEach(async () => {
  await vm?.dispose();
  vm = undefined;
});

function boot(): Vm {
  vm = new Vm({ libkrunPath });
  return vm;
}

/** A connection as the guest makes them, with its first bytes. */
async function dial(box: Vm, ...bytes: Uint8Array[]): Promise<Socket> {
  const path = join(box.runDir, "agent.sock");
  await until(() => existsSync(path));
  const socket = connect({ path, allowHalfOpen: true });
  socket.on("error", () => {});
  for (const piece of bytes) socket.write(piece);
  return socket;
}

/** The agent's; a workload does not know it. */
const token = "5ec2e7".repeat(8);
const controlHello = jsonFrame({
  hello: { role: "control", token, protocol: 1, kernel: "6.12.0", bootMs: 12, pid: 1 },
});
const streamHello = (id: string): Buffer => jsonFrame({ hello: { role: "stream", token, id } });
const closed = (socket: Socket): Promise<void> =>
  new Promise((done) =>
    socket
      .on("end", () => socket.end())
      .on("close", () => done())
      .resume(),
  );

/** A guest that has said hello, and the engine's view of it. */
async function booted(): Promise<{ box: Vm; control: Socket }> {
  const box = boot();
  await box.connect();
  const control = await dial(box, controlHello);
  for (const told of ["jail", "agent"]) {
    await until(
      () => box.monitorEvents.some((event) => member(event, told)),
      10_000,
      () => box.vmmLog,
    );
  }
  return { box, control };
}

test("a guest that behaves: hello, output, exit, acknowledgement, halt", async () => {
  const { box } = await booted();
  assert.deepEqual(member(box.monitorEvents.at(-1), "agent"), {
    role: "control",
    protocol: 1,
    kernel: "6.12.0",
    bootMs: 12,
    pid: 1,
  });
  const client = box.attach();
  const main = await dial(box, streamHello("main"), encodeFrame(FrameType.stdout, "hello\n"));
  await client.waitFor(/hello/);
  client.write("input");
  const [input] = (await new Promise((done) => main.once("data", (...data) => done(data)))) as [Buffer];
  assert.deepEqual(input, encodeFrame(FrameType.stdin, "input"));
  const answer = new Promise<Buffer>((done) => main.once("data", done));
  main.write(jsonFrame({ exit: { code: 7 } }));
  assert.deepEqual(await answer, jsonFrame({ ack: "exit" }));
  // The record is written before the acknowledgement is sent.
  assert.equal(box.exitRecord().exitCode, 7);
  assert.deepEqual(await client.exit, { code: 7 });
  const { childPid } = box.runtimeRecord();
  assert.ok(isAlive(childPid));
  main.write(jsonFrame({ halt: true }));
  assert.equal(await box.monitorExit, 0);
  assert.ok(!isAlive(childPid));
});

test("a signal to all processes of a VM, as a host that shuts down sends it, leaves the guest its time to stop", async () => {
  const { box, control } = await booted();
  const main = await dial(box, streamHello("main"));
  await until(() => box.monitorEvents.some((event) => event.main === "running"));
  // The VM's process says so on its way into the guest, when it has set up its signals.
  await until(() => box.vmmLog.includes("jail: "));
  const asked = new Promise<Buffer>((done) => control.once("data", done));
  const { childPid } = box.runtimeRecord();
  // Without this the guest's end would be a matter of who is faster, the death of its process or the stop.
  const status = readFileSync(`/proc/${childPid}/status`, "utf8");
  const ignored = BigInt(`0x${/^SigIgn:\s+(\w+)$/m.exec(status)?.[1]}`);
  for (const [signal, number] of [
    ["SIGHUP", 1],
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const) {
    assert.equal((ignored >> BigInt(number - 1)) & 1n, 1n, signal);
    for (const pid of [childPid, box.monitor.pid ?? 0]) process.kill(pid, signal);
  }
  assert.match((await asked).toString(), /"method":"stop"/);
  main.write(jsonFrame({ exit: { code: 3 } }));
  main.write(jsonFrame({ halt: true }));
  assert.equal(await box.monitorExit, 0);
  assert.deepEqual([box.exitRecord().exitCode, box.exitRecord().reason], [3, "exited"]);
});

test("requests sent before the guest has booted wait for it", async () => {
  const box = boot();
  await box.connect();
  const answer = box.request("ping");
  await sleep(50);
  const control = await dial(box, controlHello);
  const [frame] = (await new Promise((done) => control.once("data", (...data) => done(data)))) as [Buffer];
  const request = JSON.parse(frame.subarray(8).toString()) as { id: string; method: string };
  assert.equal(request.method, "ping");
  control.write(jsonFrame({ id: request.id, result: {} }));
  assert.deepEqual(await answer, {});
});

test("a guest may dial its control connection anew", async () => {
  const { box, control } = await booted();
  control.destroy();
  await sleep(20);
  const again = await dial(box, controlHello);
  const answer = box.request("ping");
  const [frame] = (await new Promise((done) => again.once("data", (...data) => done(data)))) as [Buffer];
  const { id } = JSON.parse(frame.subarray(8).toString()) as { id: string };
  again.write(jsonFrame({ id, result: {} }));
  assert.deepEqual(await answer, {});
});

/** The next request that the guest hears. */
async function heard(control: Socket): Promise<{ id: string; method: string }> {
  const [frame] = (await new Promise((done) => control.once("data", (...data) => done(data)))) as [Buffer];
  return JSON.parse(frame.subarray(8).toString()) as { id: string; method: string };
}

test("a guest that dials again and again is announced once", async () => {
  const { box, control: first } = await booted();
  let control = first;
  const announced = box.monitorEvents.length;
  for (let i = 0; i < 50; i++) {
    const next = await dial(box, controlHello, ...Array<Buffer>(10).fill(controlHello));
    // Replaced, it is closed.
    await closed(control);
    control = next;
  }
  const answer = box.request("ping");
  control.write(jsonFrame({ id: (await heard(control)).id, result: {} }));
  assert.deepEqual(await answer, {});
  assert.equal(box.monitorEvents.length, announced);
});

for (const [name, hello] of [
  ["no token", { role: "control", protocol: 1, kernel: "forged" }],
  ["a guess", { role: "control", token: "5ec2e8".repeat(8), protocol: 1, kernel: "forged" }],
  ["an empty token", { role: "control", token: "", protocol: 1, kernel: "forged" }],
  ["a token that is none", { role: "control", token: { of: token }, protocol: 1, kernel: "forged" }],
] as const) {
  test(`a workload cannot take the agent's place with ${name}`, async () => {
    const { box, control } = await booted();
    await closed(await dial(box, jsonFrame({ hello })));
    for (const id of ["main", "exec"]) {
      await closed(await dial(box, jsonFrame({ hello: { ...hello, role: "stream", id } })));
    }
    const answer = box.request("stats");
    control.write(jsonFrame({ id: (await heard(control)).id, result: { processes: 3 } }));
    assert.deepEqual(await answer, { processes: 3 });
    assert.ok(!box.monitorEvents.some((event) => event.main === "running"));
    assert.match(box.vmmLog, /refused a connection from inside the VM that is not its agent's\n$/);
  });
}

test("the engine hears nothing of a guest that it has not asked for", async () => {
  const { box, control } = await booted();
  const exec = box.request("exec", { stream: "e1", argv: ["true"] });
  const { id } = await heard(control);
  const announced = box.monitorEvents.length;
  for (const message of [
    { event: "monitor" },
    { event: "monitor", params: { agent: "forged", main: "exited" } },
    { event: "execExited", params: { id: "nobody's", code: 0 } },
    { event: "execExited", params: { id: 5, code: 0 } },
    { event: "odd", params: {} },
    { id: "not out", result: {} },
    { id: 5, result: {} },
    { hello: {} },
    {},
  ])
    control.write(jsonFrame(message));
  control.write(encodeFrame(FrameType.json, "{nope"));
  // Made anew: numbers that are none and members that nobody knows are gone.
  const result = { pid: 7, processes: "many", memoryUsedBytes: -1, event: "monitor", deep: [[[]]] };
  control.write(jsonFrame({ id, result, event: undefined, main: "exited" }));
  control.write(jsonFrame({ id, result: { pid: 8 } }));
  control.write(jsonFrame({ event: "execExited", params: { id: "e1", code: 1e9, more: "x" } }));
  control.write(jsonFrame({ event: "execExited", params: { id: "e1", code: 3 } }));
  assert.deepEqual(await exec, { pid: 7 });
  const refused = box.request("signal");
  const long = { code: "C".repeat(1000), message: "é".repeat(10_000), hint: "x" };
  control.write(jsonFrame({ id: (await heard(control)).id, error: long }));
  await assert.rejects(
    refused,
    (error) =>
      error instanceof AgentError && error.code.length <= 64 && Buffer.byteLength(error.message) <= 4098,
  );
  const last = box.request("ping");
  control.write(jsonFrame({ id: (await heard(control)).id, result: {} }));
  await last;
  assert.deepEqual(box.agentEvents, [{ event: "execExited", params: { id: "e1", code: 255 } }]);
  assert.equal(box.monitorEvents.length, announced);
});

test("a guest that floods the engine is cut off, and heard again when it has dialled anew", async () => {
  const { box, control } = await booted();
  const announced = box.monitorEvents.length;
  const end = closed(control);
  for (let i = 0; i < 1000; i++) control.write(jsonFrame({ event: "flood", params: { i } }));
  await end;
  assert.match(box.vmmLog, /closed the guest agent's connection: it says what nobody asked for/);
  const again = await dial(box, controlHello);
  const answer = box.request("ping");
  again.write(jsonFrame({ id: (await heard(again)).id, result: {} }));
  assert.deepEqual(await answer, {});
  assert.deepEqual([box.agentEvents, box.monitorEvents.length], [[], announced]);
});

test("an engine that comes anew hears of the execs that have ended meanwhile, and no old answers", async () => {
  const { box, control } = await booted();
  const exec = box.request("exec", { stream: "e1", argv: ["true"] });
  control.write(jsonFrame({ id: (await heard(control)).id, result: { pid: 7 } }));
  await exec;
  box.request("stats").catch(() => undefined);
  const { id } = await heard(control);
  box.dropControl();
  await sleep(50);
  control.write(jsonFrame({ id, result: { processes: 1 } }));
  control.write(jsonFrame({ event: "execExited", params: { id: "e1", code: 4 } }));
  await sleep(50);
  await box.connect();
  await until(() => box.agentEvents.length > 0);
  assert.deepEqual(box.agentEvents, [{ event: "execExited", params: { id: "e1", code: 4 } }]);
});

test("an engine that says what is no JSON is not left waiting for an answer", async () => {
  const { box } = await booted();
  const engine = box.connection({ role: "control" });
  engine.write(encodeFrame(FrameType.json, '{"id":"1","method":"exec","params":{"argv":["\\ud800"]}}'));
  await closed(engine);
});

const garbage: [name: string, bytes: Uint8Array][] = [
  ["random bytes", randomBytes(100_000)],
  ["zeros", Buffer.alloc(100_000)],
  ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  ["a frame of 4 GiB", Buffer.from("03000000ffffffff", "hex")],
  ["a hello of 1 MiB", jsonFrame({ hello: { role: "control", x: "x".repeat(1 << 20) } })],
  ["no JSON", encodeFrame(FrameType.json, "{nope")],
  ["JSON that is no object", encodeFrame(FrameType.json, "[1]")],
  ["deep JSON", encodeFrame(FrameType.json, "[".repeat(4000))],
  ["a hello that is none", jsonFrame({ hello: 1 })],
  ["an unknown role", jsonFrame({ hello: { role: "boss" } })],
  ["a stream without a name", jsonFrame({ hello: { role: "stream" } })],
  ["a stream with an endless name", jsonFrame({ hello: { role: "stream", id: "x".repeat(1000) } })],
  ["the attach role", jsonFrame({ hello: { role: "attach" } })],
];
for (const [name, bytes] of garbage) {
  test(`garbage from a guest closes that connection only: ${name}`, async () => {
    const { box } = await booted();
    await closed(await dial(box, bytes));
    const client = box.attach();
    await dial(box, streamHello("main"), encodeFrame(FrameType.stderr, "alive"));
    await until(() => client.stderr.toString() === "alive");
  });
  if (name === "the attach role") continue;
  test(`garbage from a client closes that connection only: ${name}`, async () => {
    const { box } = await booted();
    const socket = connect(join(box.runDir, "monitor.sock"));
    socket.on("error", () => {});
    socket.write(bytes);
    await closed(socket);
    const client = box.attach();
    await dial(box, streamHello("main"), encodeFrame(FrameType.stderr, "alive"));
    await until(() => client.stderr.toString() === "alive");
  });
}

test("garbage on established connections: control, main, attach", async () => {
  const { box, control } = await booted();
  const attached = box.connection({ role: "attach" });
  await sleep(20);
  attached.write(randomBytes(1000).fill(255, 0, 1));
  await closed(attached);
  control.write(Buffer.from("ff".repeat(100), "hex"));
  await closed(control);
  await dial(box, controlHello);
  const main = await dial(
    box,
    streamHello("main"),
    encodeFrame(FrameType.stdout, "last\n"),
    Buffer.from("ee".repeat(50), "hex"),
  );
  await closed(main);
  // A VM whose main stream is broken is beyond help: it ends, with a reason, and with what it had said.
  assert.equal(await box.monitorExit, 0);
  assert.equal(box.exitRecord().reason, "vm-died");
  assert.equal(box.exitRecord().message, "the VM's agent closed the main process's stream");
  assert.equal(box.logged("stdout").toString(), "last\n");
});

test("odd exits are brought into bounds", async () => {
  const { box } = await booted();
  const client = box.attach();
  const main = await dial(
    box,
    streamHello("main"),
    jsonFrame({ exit: { code: 1e15, signal: -4, reason: "exited-by-magic", message: { a: 1 } } }),
    jsonFrame({ exit: { code: 3 } }),
    encodeFrame(FrameType.stdout, "after the end"),
  );
  assert.deepEqual(await client.exit, { code: 255 });
  main.write(jsonFrame({ halt: true }));
  assert.equal(await box.monitorExit, 0);
  const record = box.exitRecord();
  assert.deepEqual(
    [record.exitCode, record.signal, record.reason, record.message],
    [255, null, "exited", ""],
  );
  assert.equal(box.logged("stdout").length, 0);
});

for (const [name, exit, told] of [
  ["no numbers", { code: "7", signal: "KILL", reason: 9, message: {} }, { code: 255 }],
  ["numbers that are none of theirs", { code: 1e15, signal: -4, reason: "by magic" }, { code: 255 }],
  ["a negative code", { code: -1, signal: 65, more: "x" }, { code: 255 }],
  [
    "a long message",
    { code: 127, reason: "start-failed", message: "é".repeat(20_000) },
    { code: 127, reason: "start-failed", message: "é".repeat(2048) },
  ],
] as const) {
  test(`an exec's exit is brought into bounds, and its client told no more: ${name}`, async () => {
    const { box } = await booted();
    const client = box.stream("e1");
    const guest = await dial(box, streamHello("e1"));
    guest.write(jsonFrame({ exit }));
    assert.deepEqual(await client.exit, told);
  });
}

test("an exit within which there is more without end costs the monitor nothing", async () => {
  const { box } = await booted();
  const depth = 32_000;
  const deep = `{"exit":{"code":3,"deep":${"[".repeat(depth)}${"]".repeat(depth)}}}`;
  for (const id of ["e1", "e2", "main"]) {
    const client = id === "main" ? box.attach() : box.stream(id);
    await dial(box, streamHello(id), encodeFrame(FrameType.json, deep));
    assert.deepEqual(await client.exit, { code: 3 });
  }
});

test("a halt without an exit is not believed", async () => {
  const { box } = await booted();
  const main = await dial(
    box,
    streamHello("main"),
    jsonFrame({ halt: true }),
    encodeFrame(FrameType.stdout, "on\n"),
  );
  await until(() => box.logged("stdout").length > 0);
  assert.ok(isAlive(box.runtimeRecord().childPid));
  main.destroy();
});

test("log lines cannot be forged", async () => {
  const { box } = await booted();
  await dial(
    box,
    streamHello("main"),
    encodeFrame(FrameType.stdout, "x\n2026-01-01T00:00:00.000000000Z stderr F forged\n"),
  );
  await until(() => box.logEntries().length === 2);
  assert.deepEqual(
    box.logEntries().map((entry) => entry.stream),
    ["stdout", "stdout"],
  );
});

test("floods of connections, waiting streams and messages stay bounded", async () => {
  const { box, control } = await booted();
  const rss = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${box.monitor.pid}/status`, "utf8"))?.[1]);
  const sockets: Socket[] = [];
  for (let i = 0; i < 500; i++) sockets.push(await dial(box, streamHello(`s${i}`), Buffer.alloc(10_000)));
  for (let i = 0; i < 300; i++) sockets.push(await dial(box, Buffer.from([3, 0])));
  // An engine that does not read.
  const deaf = box.connection({ role: "control" });
  deaf.pause();
  const message = jsonFrame({ event: "x", params: { text: "y".repeat(60_000) } });
  const cutOff = closed(control);
  for (let i = 0; i < 200; i++) control.write(message);
  await cutOff;
  const sanitized = readFileSync(`/proc/${box.monitor.pid}/maps`, "utf8").includes("libasan");
  assert.ok(rss() < (sanitized ? 300_000 : 16_000), `${rss()} KiB`);
  const descriptors = execFileSync("ls", [`/proc/${box.monitor.pid}/fd`], { encoding: "utf8" }).split(
    "\n",
  ).length;
  assert.ok(descriptors < 200, `${descriptors} descriptors`);
  for (const socket of sockets) socket.destroy();
  deaf.destroy();
  const client = box.attach();
  await dial(box, streamHello("main"), encodeFrame(FrameType.stderr, "alive"));
  await until(() => client.stderr.toString() === "alive");
});

test("connections without a hello do not keep the agent's out, however many there are", async () => {
  const { box } = await booted();
  const silent: Socket[] = [];
  let ended = 0;
  // One more than there are places.
  for (let i = 0; i < 65; i++) {
    const socket = await dial(box, Buffer.from([3, 0]));
    socket
      .on("close", () => ended++)
      .on("end", () => socket.end())
      .resume();
    silent.push(socket);
  }
  await until(() => ended > 0);
  const client = box.stream("e1");
  const guest = await GuestStream.open(box, "e1");
  await guest.send(Buffer.from("alive"));
  await client.waitFor(/alive/);
  await until(() => ended > 1);
  // Only those that have waited longest had to go.
  assert.equal(ended, 2);
  assert.ok(silent[0]?.closed && silent[1]?.closed);
  // The same for the engine's side.
  const idle = Array.from({ length: 65 }, () => connect(join(box.runDir, "monitor.sock")));
  for (const socket of idle) socket.on("error", () => {});
  await new Promise((done) => idle[0]?.on("end", done).resume());
  const attached = box.attach();
  const main = await GuestStream.open(box, "main");
  await main.send(Buffer.from("alive"));
  await attached.waitFor(/alive/);
  for (const socket of [...silent, ...idle]) socket.destroy();
});

/** False when the other end takes no more. */
async function written(socket: Socket, bytes: Uint8Array): Promise<boolean> {
  if (socket.write(bytes)) return true;
  const drained = new Promise<boolean>((done) => socket.once("drain", () => done(true)));
  return Promise.race([drained, sleep(500, false)]);
}

/** How much of each direction of a stream may be under way: creditWindowBytes of native/common/credit.h. */
const windowBytes = 512 * 1024;

/** The guest's end of a stream, played within its credit unless told otherwise. */
class GuestStream {
  readonly socket: Socket;
  /** What it may still send, of frames with their headers. */
  credit = windowBytes;
  readonly input: Buffer[] = [];
  #unacknowledged = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    const decoder = new FrameDecoder((type, payload) => {
      if (type === FrameType.json) {
        this.credit += Number(member(JSON.parse(Buffer.from(payload).toString()), "credit") ?? 0);
        return;
      }
      this.input.push(Buffer.from(payload));
      this.#unacknowledged += payload.length + 8;
      if (this.#unacknowledged < windowBytes / 2) return;
      socket.write(jsonFrame({ credit: this.#unacknowledged }));
      this.#unacknowledged = 0;
    });
    socket.on("data", (chunk) => decoder.push(chunk));
  }

  static async open(box: Vm, id: string): Promise<GuestStream> {
    return new GuestStream(await dial(box, streamHello(id)));
  }

  /** Sends output as far as there is credit; resolves when all of it is sent. */
  async send(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      await until(() => this.credit > 8);
      const piece = bytes.subarray(at, at + Math.min(32_768, this.credit - 8));
      this.credit -= piece.length + 8;
      this.socket.write(encodeFrame(FrameType.stdout, piece));
      at += piece.length;
    }
  }

  end(code: number): void {
    this.socket.end(jsonFrame({ exit: { code } }));
  }

  received(): Buffer {
    return Buffer.concat(this.input);
  }
}

test("streams are joined in either order", async () => {
  const { box } = await booted();
  const client = box.stream("e1");
  client.write("from the client");
  const guest = await GuestStream.open(box, "e1");
  await guest.send(Buffer.from("from the guest"));
  await until(() => guest.received().toString() === "from the client");
  guest.end(3);
  assert.deepEqual(await client.exit, { code: 3 });
  assert.equal(client.stdout.toString(), "from the guest");
  const early = await GuestStream.open(box, "e2");
  await early.send(Buffer.from("x"));
  early.end(4);
  await closed(early.socket);
  const late = box.stream("e2");
  assert.deepEqual(await late.exit, { code: 4 });
  assert.equal(late.stdout.toString(), "x");
});

test("input that a client has left behind reaches the guest, then its stream is closed", async () => {
  const { box } = await booted();
  const guest = await GuestStream.open(box, "e1");
  const client = box.stream("e1");
  const bytes = randomBytes(700_000);
  for (let at = 0; at < bytes.length; at += 50_000) client.write(bytes.subarray(at, at + 50_000));
  client.socket.end();
  await until(() => client.socket.writableFinished);
  client.socket.destroy();
  await closed(guest.socket);
  assert.ok(guest.received().equals(bytes));
});

test("many MiB through a joined stream, both ways at once", async () => {
  const { box } = await booted();
  const client = box.stream("e1");
  const guest = await GuestStream.open(box, "e1");
  const [input, output] = [randomBytes(8 << 20), randomBytes(12 << 20)] as const;
  for (let at = 0; at < input.length; at += 1 << 18) client.write(input.subarray(at, at + (1 << 18)));
  await guest.send(output);
  await until(() => guest.input.reduce((sum, piece) => sum + piece.length, 0) === input.length);
  guest.end(0);
  await client.exit;
  assert.ok(guest.received().equals(input));
  assert.ok(client.stdout.equals(output));
});

test("a guest is given credit as its clients take what it sends", async () => {
  const { box } = await booted();
  const client = box.stream("e1");
  client.socket.pause();
  const guest = await GuestStream.open(box, "e1");
  const sent = guest.send(Buffer.alloc(2 << 20));
  // The socket to the client takes some of it.
  let left = -1;
  await until(() => {
    const stuck = guest.credit === left && left <= 8;
    left = guest.credit;
    return stuck;
  });
  client.socket.resume();
  await sent;
  await until(() => client.stdout.length === 2 << 20);
});

for (const id of ["main", "e1"]) {
  test(`a guest that overruns its credit is cut off, that stream only: ${id}`, async () => {
    const { box } = await booted();
    const other = await GuestStream.open(box, "other");
    const client = id === "main" ? box.attach() : box.stream(id);
    client.socket.pause();
    const guest = await GuestStream.open(box, id);
    const cut = closed(guest.socket);
    // Of the main stream up to 8 MiB are taken for a client that does not read.
    for (let i = 0; i < 4000 && !guest.socket.destroyed; i++) {
      guest.socket.write(encodeFrame(FrameType.stdout, Buffer.alloc(32_768)));
      if (i % 16 === 0) await sleep(1);
    }
    await cut;
    await until(() => box.vmmLog.includes("overran its credit"));
    const otherClient = box.stream("other");
    await other.send(Buffer.from("alive"));
    await otherClient.waitFor(/alive/);
  });
}

test("a guest that says that it has more room than was ever used is cut off", async () => {
  const { box } = await booted();
  for (const credit of [1, -1, 1e15, "many", null]) {
    const client = box.stream("e1");
    await closed(await dial(box, streamHello("e1"), jsonFrame({ credit })));
    await assert.rejects(client.exit);
  }
});

test("many streams that nobody reads, in the tiniest pieces, cost a bounded amount of memory", async () => {
  const { box } = await booted();
  const rss = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${box.monitor.pid}/status`, "utf8"))?.[1]);
  const before = rss();
  const tiny = Buffer.concat(Array.from({ length: 40_000 }, () => encodeFrame(FrameType.stdout, "x")));
  const count = 24;
  for (let i = 0; i < count; i++) {
    const guest = await GuestStream.open(box, `s${i}`);
    const client = box.connection({ role: "stream", id: `s${i}` });
    client.pause();
    // Beyond its credit, and without an end.
    for (let n = 0; n < 4 && !guest.socket.destroyed; n++) {
      if (!(await written(guest.socket, tiny))) break;
    }
  }
  const sanitized = readFileSync(`/proc/${box.monitor.pid}/maps`, "utf8").includes("libasan");
  const limit = (sanitized ? 8 : 3) * 2 * count * (windowBytes / 1024);
  assert.ok(rss() - before < limit, `${before} to ${rss()} KiB`);
  const client = box.attach();
  const main = await GuestStream.open(box, "main");
  await main.send(Buffer.from("alive"));
  await client.waitFor(/alive/);
});

test("output that came with the exit is at the client before it", async () => {
  const { box } = await booted();
  const client = box.attach();
  const bytes = randomBytes(200_000);
  await dial(
    box,
    Buffer.concat([
      streamHello("main"),
      encodeFrame(FrameType.stdout, bytes),
      jsonFrame({ exit: { code: 0 } }),
    ]),
  );
  await client.exit;
  assert.ok(client.stdout.equals(bytes));
  assert.ok(box.logged("stdout").equals(bytes));
});

test("a guest that dies after its output is heard out", async () => {
  const { box } = await booted();
  const client = box.attach();
  const bytes = randomBytes(150_000);
  const main = await dial(box, streamHello("main"), encodeFrame(FrameType.stdout, bytes));
  process.kill(box.runtimeRecord().childPid, "SIGKILL");
  main.end();
  assert.equal((await client.exit).reason, "vm-died");
  assert.ok(client.stdout.equals(bytes));
});
