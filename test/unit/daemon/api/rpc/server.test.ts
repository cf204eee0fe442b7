import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterEach, mock, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ErrorCodes } from "vscode-jsonrpc/node";
import type { RpcConnection } from "../../../../../engine/daemon/api/rpc/rpc-connection.ts";
import { Server, type ServerLimits } from "../../../../../engine/daemon/api/rpc/server.ts";
import { Streams } from "../../../../../engine/daemon/api/rpc/streams.ts";
import { Log } from "../../../../../engine/daemon/log.ts";
import { initialize } from "../../../../../engine/protocol/engine.ts";
import { MockerError } from "../../../../../engine/protocol/errors.ts";
import { InitializeParams } from "../../../../../engine/protocol/params/engine.ts";
import { VmParams } from "../../../../../engine/protocol/params/vm.ts";
import { streamHandshakePrefix } from "../../../../../engine/protocol/stream.ts";
import { vmExport } from "../../../../../engine/protocol/vm.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { RpcClient } from "./rpc-client.ts";

type Answer = (vm: string, signal: AbortSignal) => Promise<string> | string;

interface Served {
  path: string;
  streams: Streams;
  server: Server;
  /** JSON-RPC connections that are open. */
  held(): number;
  /** Lines of the engine's log of one event. */
  logged(event: string): Record<string, unknown>[];
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.withdraw();
  mock.timers.reset();
});

/**
 * A server whose only requests are `initialize` and `vm/export`; the latter's token is what `answer` says.
 */
async function serve(limits: Partial<ServerLimits> = {}, answer: Answer = (vm) => vm): Promise<Served> {
  const folder = tmpDir();
  const logPath = join(folder, "engine.jsonl");
  const log = new Log(logPath, "debug");
  const streams = new Streams();
  let held = 0;
  const bind = (connection: RpcConnection): void => {
    connection.handle(initialize, InitializeParams, ({ protocolVersion }) => ({
      protocolVersion,
      engine: { version: "1.2.3", pid: 1 },
      capabilities: {},
    }));
    connection.handle(vmExport, VmParams, async ({ vm }, signal) => ({
      stream: { token: await answer(vm, signal) },
    }));
  };
  const hold = (): (() => void) => {
    held++;
    return () => held--;
  };
  const socketPath = join(folder, "run", "engine.sock");
  const server = new Server({ socketPath, streams, log, bind, hold, limits });
  await server.listen();
  servers.push(server);
  const logged = (event: string): Record<string, unknown>[] =>
    readFileSync(logPath, "utf8")
      .split("\n")
      .filter((line) => line.includes(`"event":"${event}"`))
      .map((line) => JSON.parse(line));
  return { path: socketPath, streams, server, held: () => held, logged };
}

/** Something that never comes, unless it is cancelled. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

/** Lets time pass, again and again, until the engine has cut the client off. */
async function waitToBeCutOff(client: RpcClient): Promise<void> {
  while (!client.socket.closed) {
    mock.timers.tick(60_000);
    await nextTurn();
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

test("the socket is its user's alone", async () => {
  const { path } = await serve();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
});

test("the socket file is removed, but not another engine's", async () => {
  const first = await serve();
  first.server.withdraw();
  assert.equal(existsSync(first.path), false);

  const second = await serve();
  renameSync(second.path, `${second.path}.own`);
  writeFileSync(second.path, "");
  assert.equal(second.server.reachable(), false);
  second.server.withdraw();
  assert.equal(existsSync(second.path), true);
  renameSync(`${second.path}.own`, second.path);
  assert.equal(second.server.reachable(), true);
});

for (const [name, bytes] of [
  ["nothing", ""],
  ["one byte", "C"],
  ["half a header", "Content-Length: 5"],
  ["half a body", "Content-Length: 5000\r\n\r\n{"],
  ["half a stream's handshake", streamHandshakePrefix.slice(0, 5)],
  ["half a token", `${streamHandshakePrefix}0123`],
] as const) {
  test(`a client that has sent ${name} and no more is cut off`, async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const { path, logged } = await serve();
    const client = await RpcClient.connect(path);
    if (bytes !== "") client.socket.write(bytes);
    await waitToBeCutOff(client);
    assert.equal(logged("connection.refused").length + logged("connection.error").length, 1);
  });
}

test("a client that shakes hands half is cut off, one that has shaken hands may be silent", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { path, logged } = await serve();
  const client = await RpcClient.initialized(path);
  const early = await RpcClient.connect(path);
  const { error } = await early.request(vmExport.method, { vm: "a" });
  assert.equal(error?.message, "the first request must be initialize, not vm/export");
  assert.equal(error?.data?.code, "INVALID_ARGUMENT");
  await waitToBeCutOff(early);
  assert.deepEqual((await client.request(vmExport.method, { vm: "a" })).result, { stream: { token: "a" } });
  assert.deepEqual(
    logged("connection.refused").map(({ reason }) => reason),
    ["no handshake in time"],
  );
});

test("a message that is begun must be ended in time, also after the handshake", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { path, held, logged } = await serve();
  for (const bytes of ["C", "Content-Length: 5", "Content-Length: 5\r\n\r\n{"]) {
    const client = await RpcClient.initialized(path);
    client.socket.write(bytes);
    await waitToBeCutOff(client);
  }
  await until(() => held() === 0);
  assert.deepEqual(
    logged("connection.error").map(({ message }) => message),
    Array(3).fill("a message took longer than 30 s"),
  );
});

for (const [name, bytes, words] of [
  ["an endless header", Buffer.alloc(100_000, "a"), "a message's header is longer than 8192 bytes"],
  [
    "a huge body",
    Buffer.from("Content-Length: 1073741824\r\n\r\n"),
    /^a message of 1073741824 bytes is longer/,
  ],
  ["no JSON", Buffer.from("Content-Length: 5\r\n\r\n12345"), "a message is not an object"],
] as const) {
  test(`a client that sends ${name} is cut off, and that is logged once`, async () => {
    const { path, held, logged } = await serve();
    const client = await RpcClient.initialized(path);
    client.socket.write(bytes);
    await client.closed();
    await until(() => held() === 0);
    const [line, ...more] = logged("connection.error");
    assert.deepEqual(more, []);
    if (typeof words === "string") assert.equal(line?.message, words);
    else assert.match(String(line?.message), words);
    assert.deepEqual(logged("request.error"), []);
  });
}

test("of too many clients that do not shake hands, the oldest makes room", async () => {
  const { path, logged } = await serve({ pending: 2 });
  const silent = [await RpcClient.connect(path), await RpcClient.connect(path)];
  const client = await RpcClient.initialized(path);
  await silent[0]?.closed();
  assert.equal(silent[1]?.socket.destroyed, false);
  assert.deepEqual(
    logged("connection.refused").map(({ reason }) => reason),
    ["too many handshakes"],
  );
  assert.ok((await client.request(vmExport.method, { vm: "a" })).result);
});

test("an unknown request is answered as JSON-RPC says", async () => {
  const { path } = await serve();
  const client = await RpcClient.initialized(path);
  const { error } = await client.request("vm/fly", { vm: "a" });
  assert.equal(error?.code, ErrorCodes.MethodNotFound);
  assert.equal(error.message, "the engine has no request vm/fly");
  assert.equal(error.data?.code, "FEATURE_UNAVAILABLE");
});

test("errors made for users pass as they are; others are logged, and told as bugs", async () => {
  const { path, logged } = await serve({}, (vm) => {
    if (vm === "user") throw new MockerError("VM_NOT_FOUND", "No such container: a", { hint: "Look." });
    if (vm === "full") throw Object.assign(new Error("write"), { code: "ENOSPC" });
    throw new TypeError("x is not a function");
  });
  const client = await RpcClient.initialized(path);
  const { error: user } = await client.request(vmExport.method, { vm: "user" });
  assert.deepEqual(user, {
    code: -32000,
    message: "No such container: a",
    data: { code: "VM_NOT_FOUND", hint: "Look." },
  });
  const { error: full } = await client.request(vmExport.method, { vm: "full" });
  assert.equal(full?.data?.code, "NO_SPACE");
  assert.deepEqual(logged("request.error"), []);
  const { error: bug } = await client.request(vmExport.method, { vm: "bug" });
  assert.equal(bug?.code, -32603);
  assert.equal(bug.message, "x is not a function");
  assert.equal(bug.data?.code, "INTERNAL");
  assert.match(String(bug.data?.hint), /engine\.jsonl/);
  assert.equal(logged("request.error").length, 1);
});

test("a request can be cancelled, even before it is looked at", async () => {
  const { path } = await serve({}, (vm, signal) => (vm === "a" ? untilAborted(signal) : vm));
  const client = await RpcClient.initialized(path);
  for (const wait of [() => client.request(vmExport.method, { vm: "b" }), () => undefined]) {
    const { id, answer } = client.begin(vmExport.method, { vm: "a" });
    await wait();
    client.send({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id } });
    const { error } = await answer;
    assert.equal(error?.code, -32800);
    assert.equal(error.data?.code ?? "CANCELLED", "CANCELLED");
  }
});

test("a client that vanishes in the middle of a request harms nobody", async () => {
  let finish: (token: string) => void = () => undefined;
  const { path, held, logged } = await serve({}, (vm) =>
    vm === "slow" ? new Promise<string>((resolve) => (finish = resolve)) : vm,
  );
  const gone = await RpcClient.initialized(path);
  const client = await RpcClient.initialized(path);
  gone.begin(vmExport.method, { vm: "slow" });
  await client.request(vmExport.method, { vm: "a" });
  assert.equal(held(), 2);
  gone.socket.destroy();
  await until(() => held() === 1);
  finish("too late");
  assert.deepEqual((await client.request(vmExport.method, { vm: "b" })).result, { stream: { token: "b" } });
  assert.deepEqual(logged("connection.error"), []);
  client.socket.end();
  await until(() => held() === 0);
});

test("a client that does not read its answers is not read from", async () => {
  let answered = 0;
  const { path } = await serve({}, () => {
    answered++;
    return "x".repeat(64 * 1024);
  });
  const client = await RpcClient.initialized(path);
  client.socket.pause();
  const requests = Array.from({ length: 200 }, () => client.request(vmExport.method, { vm: "a" }));
  for (let turn = 0; turn < 1000; turn++) await nextTurn();
  assert.ok(answered < 100, `${answered} answers wait in memory`);
  client.socket.resume();
  assert.equal((await Promise.all(requests)).filter(({ result }) => result).length, 200);
});

test("a stream's handshake may come in pieces, and its bytes at once", async () => {
  const { path, streams, held } = await serve();
  const opened = new Promise<Socket>((resolve) => {
    const { token } = streams.offer(resolve);
    void RpcClient.connect(path).then(async ({ socket }) => {
      for (const byte of `${streamHandshakePrefix}${token}`) {
        socket.write(byte);
        await nextTurn();
      }
      socket.write("\nhello");
    });
  });
  const socket = await opened;
  socket.resume();
  const [bytes] = await once(socket, "data");
  assert.equal(String(bytes), "hello");
  assert.equal(held(), 0);
  // The stream is its claimant's to close.
  socket.destroy();
});

test("a stream that nobody has offered is closed", async () => {
  const { path } = await serve();
  const client = await RpcClient.connect(path);
  client.socket.write(`${streamHandshakePrefix}${"0".repeat(32)}\n`);
  await client.closed();
});
