import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { main } from "../../../../../engine/cli/program.ts";
import { Setup } from "../../harness.ts";

let setup: Setup;
let docker: Server;
beforeEach(async () => {
  setup = await Setup.create();
  docker = createServer((socket) => {
    socket.once("data", (chunk) => socket.end(`docker was asked ${chunk}`));
  });
  await new Promise<void>((resolve) => docker.listen(join(setup.dir, "docker.sock"), resolve));
});
afterEach(async () => {
  docker.close();
  await setup.close();
});

async function dialled(request: string): Promise<string> {
  const io = setup.io();
  io.stdin.write(request);
  const code = main(["system", "dial-stdio"], io);
  setTimeout(() => io.stdin.end(), 0);
  assert.equal(await code, 0);
  return io.output();
}

test("Docker's clients get the engine's other socket, by what they say first", async () => {
  assert.equal(await dialled("HEAD /_ping"), "docker was asked HEAD /_ping");
  assert.equal(await dialled("POST /x"), "docker was asked POST /x");
  const message = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: {} });
  const answer = await dialled(`Content-Length: ${message.length}\r\n\r\n${message}`);
  assert.doesNotMatch(answer, /docker/);
});
