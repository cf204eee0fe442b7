import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { text as textOf } from "node:stream/consumers";
import { afterEach, test } from "node:test";
import { addExecRoutes } from "../../../../../../engine/daemon/api/docker/routes/exec-routes.ts";
import { addStreamRoutes } from "../../../../../../engine/daemon/api/docker/routes/stream-routes.ts";
import { FrameType, frameHeader } from "../../../../../../engine/protocol/stream.ts";
import { retry } from "../../../../../support/retry.ts";
import { FakeVms } from "../../../vms/fake-vms.ts";
import { agentError, type FakeMonitor } from "../../../vms/machine/fake-monitor.ts";
import { type DockerClient, serveRoutes } from "../serve-routes.ts";

const users: Socket[] = [];
afterEach(() => {
  for (const user of users.splice(0)) user.destroy();
});

function serve(vms: FakeVms): Promise<DockerClient> {
  return serveRoutes((router) => {
    addStreamRoutes(router, { vms: vms.manager });
    addExecRoutes(router, { vms: vms.manager });
  });
}

/** A connection that is a stream after this request; the head of the answer, and the connection. */
async function upgrade(client: DockerClient, path: string, body = ""): Promise<[string, Socket]> {
  const socket = connect({ path: client.socketPath, allowHalfOpen: true });
  users.push(socket);
  const head = ["Host: d", "Connection: Upgrade", "Upgrade: tcp", `Content-Length: ${body.length}`];
  socket.write(`POST ${path} HTTP/1.1\r\n${head.join("\r\n")}\r\n\r\n${body}`);
  let answer = "";
  while (!answer.includes("\r\n\r\n")) {
    await once(socket, "readable");
    answer += socket.read() ?? "";
  }
  return [answer, socket];
}

function frame(type: FrameType, payload: string): Buffer {
  return Buffer.concat([frameHeader(type, payload.length), Buffer.from(payload)]);
}

/** The stream that the engine has opened to the process. */
async function streamOf(monitor: FakeMonitor): Promise<Socket> {
  await monitor.until(() => monitor.streams.length > 0);
  const [stream] = monitor.streams;
  assert.ok(stream);
  return stream.socket;
}

test("a client that attaches before the start gets all of the output", async () => {
  const vms = new FakeVms();
  const vm = await vms.create();
  const client = await serve(vms);
  const [head, socket] = await upgrade(
    client,
    `/v1.45/containers/${vm.id}/attach?stream=1&stdout=1&stderr=1`,
    '{"stream":true}',
  );
  assert.equal(
    head,
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
  );
  socket.end();
  await vms.manager.start({ vm: vm.id });
  const process = await streamOf(vms.launcher.last);
  process.end(Buffer.concat([frame(FrameType.stdout, "hi\n"), frame(FrameType.json, "{}")]));
  assert.equal(await textOf(socket), frame(FrameType.stdout, "hi\n").toString());
});

test("a stream is called raw for a terminal, and by API versions that have no other name", async () => {
  const vms = new FakeVms();
  const terminal = await vms.create({ name: "terminal", tty: true });
  const plain = await vms.create({ name: "plain" });
  const client = await serve(vms);
  for (const path of [`/v1.45/containers/${terminal.id}`, `/v1.41/containers/${plain.id}`]) {
    const [head] = await upgrade(client, `${path}/attach?stream=1&stdout=1`);
    assert.match(head, /\r\nContent-Type: application\/vnd\.docker\.raw-stream\r\n/);
  }
  for (const [path, status] of [
    ["/containers/nope/attach?stream=1", 404],
    [`/containers/${plain.id}/attach?detachKeys=nope`, 400],
    [`/containers/${plain.id}/resize?h=1`, 400],
    [`/containers/${plain.id}/resize?h=1&w=1`, 409],
  ] as const)
    assert.equal((await client.ask("POST", path)).status, status, path);
});

test("logs are frames of the outputs that were asked for, and raw of a terminal", async () => {
  const vms = new FakeVms();
  const vm = await vms.create();
  const terminal = await vms.create({ name: "terminal", tty: true });
  const client = await serve(vms);
  for (const { files } of [vm, terminal])
    writeFileSync(files.logPath, "2026-01-01T00:00:00.000000001Z stdout F out\n5Eerr\n");
  const logs = async (id: string, query: string): Promise<[number, string]> => {
    const { status, text } = await client.ask("GET", `/containers/${id}/logs?${query}`);
    return [status, text];
  };
  const [, both] = await logs(vm.id, "stdout=1&stderr=1&since=0&tail=-1&until=");
  assert.equal(both, `${frame(FrameType.stdout, "out\n")}${frame(FrameType.stderr, "err\n")}`);
  assert.deepEqual(await logs(vm.id, "stderr=true&tail=all"), [
    200,
    frame(FrameType.stderr, "err\n").toString(),
  ]);
  assert.deepEqual(await logs(terminal.id, "stdout=1&stderr=1"), [200, "out\nerr\n"]);
  assert.deepEqual(await logs(vm.id, "stdout=1&until=-5"), [200, ""]);
  assert.deepEqual(await logs(vm.id, "stdout=0"), [
    400,
    '{"message":"Bad parameters: you must choose at least one stream"}\n',
  ]);
  assert.equal((await logs(vm.id, "stdout=1&since=x"))[0], 400);
});

test("an exec is created, started once by whoever attaches to it, and keeps its exit code", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run();
  const client = await serve(vms);
  const created = await client.ask("POST", `/containers/${vm.id}/exec`, {
    body: '{"Cmd":["sh","-c","x"],"AttachStdin":true,"AttachStdout":true,"User":"1000"}',
  });
  assert.equal(created.status, 201);
  const { Id: id } = JSON.parse(created.text);
  const inspect = async (): Promise<Record<string, unknown>> =>
    JSON.parse((await client.ask("GET", `/exec/${id}/json`)).text);
  assert.deepEqual(await inspect(), {
    ID: id,
    Running: false,
    ExitCode: null,
    ProcessConfig: {
      tty: false,
      entrypoint: "sh",
      arguments: ["-c", "x"],
      privileged: false,
      user: "1000",
    },
    OpenStdin: true,
    OpenStderr: false,
    OpenStdout: true,
    CanRemove: false,
    ContainerID: vm.id,
    DetachKeys: "",
    Pid: 0,
  });
  const [, socket] = await upgrade(client, `/exec/${id}/start`, '{"Detach":false,"Tty":false}');
  const process = await streamOf(monitor);
  await monitor.request("exec");
  process.write(Buffer.concat([frame(FrameType.stderr, "no"), frame(FrameType.stdout, "yes")]));
  socket.end("in");
  monitor.tell({ event: "execExited", params: { id, code: 3 } });
  process.end(frame(FrameType.json, '{"exit":{"code":3}}'));
  assert.equal(await textOf(socket), frame(FrameType.stdout, "yes").toString());
  const { Running, ExitCode, Pid } = await inspect();
  assert.deepEqual([Running, ExitCode, Pid], [false, 3, 7]);
  const again = await client.ask("POST", `/exec/${id}/start`, { body: '{"Detach":true}' });
  assert.deepEqual([again.status, again.text], [409, `{"message":"exec command ${id} has already run"}\n`]);
  assert.deepEqual(
    vms.actions().filter((action) => action.startsWith("exec_")),
    ["exec_create: sh -c x", "exec_start: sh -c x", "exec_die"],
  );
});

test("an exec that cannot start says so in its stream; one of a VM that does not run has none", async () => {
  const vms = new FakeVms();
  vms.launcher.script = {
    answers: { exec: () => agentError("NOT_FOUND", 'exec: "no": executable file not found in $PATH') },
  };
  const { vm } = await vms.run();
  const client = await serve(vms);
  const body = '{"Cmd":["no"],"AttachStdout":true}';
  const { Id: id } = JSON.parse((await client.ask("POST", `/containers/${vm.id}/exec`, { body })).text);
  const [head, socket] = await upgrade(client, `/exec/${id}/start`, "{}");
  assert.match(head, /^HTTP\/1\.1 101 /);
  const said = await textOf(socket);
  assert.match(
    said.slice(8),
    /^OCI runtime exec failed: exec failed: unable to start container process: exec: "no": executable file not found in \$PATH: unknown\r\n$/,
  );
  assert.equal(JSON.parse((await client.ask("GET", `/exec/${id}/json`)).text).ExitCode, 127);
  const other = JSON.parse((await client.ask("POST", `/containers/${vm.id}/exec`, { body })).text);
  await vms.manager.stop({ vm: vm.id });
  for (const path of [`/containers/${vm.id}/exec`, `/exec/${other.Id}/start`])
    assert.equal((await client.ask("POST", path, { body })).status, 409, path);
  assert.equal((await client.ask("POST", "/exec/nope/start")).status, 404);
  assert.equal((await client.ask("POST", `/containers/${vm.id}/exec`)).status, 400);
});

test("streams that are cut at any byte leave nothing behind", async () => {
  const vms = new FakeVms();
  const waiting = await vms.create({ name: "waiting", openStdin: true, stdinOnce: true });
  const { vm, monitor } = await vms.run({ openStdin: true });
  const client = await serve(vms);
  const { Id: execId } = JSON.parse(
    (
      await client.ask("POST", `/containers/${vm.id}/exec`, {
        body: '{"Cmd":["cat"],"AttachStdin":true,"AttachStdout":true}',
      })
    ).text,
  );
  const { connections } = client;
  let expected = connections.all;
  for (const path of [
    `/containers/${vm.id}/attach?stream=1&stdin=1&stdout=1`,
    `/containers/${waiting.id}/attach?stream=1&stdin=1&stdout=1`,
    `/exec/${execId}/start`,
  ]) {
    const head = `POST ${path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n`;
    const whole = `${head}{}input`;
    for (let length = head.length - 3; length <= whole.length; length++) {
      const socket = connect(client.socketPath);
      expected++;
      socket.on("error", () => undefined);
      socket.write(whole.slice(0, length), () => socket.destroy());
    }
  }
  await retry(() => connections.all === expected && connections.open === 0, { what: "the connections' end" });
  // The VM that did not run has nobody waiting for its start.
  await vms.manager.start({ vm: waiting.id });
  await retry(() => monitor.streams.every(({ socket }) => socket.destroyed || socket.readableEnded), {
    what: "the streams' end",
  });
  assert.deepEqual([vms.launcher.last.streams.length, vms.errors()], [0, []]);
});
