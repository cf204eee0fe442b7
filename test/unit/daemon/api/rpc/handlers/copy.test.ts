import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { before, test } from "node:test";
import type { ResponseMessage } from "vscode-jsonrpc";
import { bindCopies } from "../../../../../../engine/daemon/api/rpc/handlers/copy.ts";
import { defaultLimits } from "../../../../../../engine/daemon/api/rpc/message-decoder.ts";
import { RpcConnection } from "../../../../../../engine/daemon/api/rpc/rpc-connection.ts";
import { StreamServer } from "../../../../../../engine/daemon/api/rpc/stream-server.ts";
import { Streams } from "../../../../../../engine/daemon/api/rpc/streams.ts";
import { Uploads } from "../../../../../../engine/daemon/api/rpc/uploads.ts";
import { Log } from "../../../../../../engine/daemon/log.ts";
import { Attachment } from "../../../../../../engine/daemon/vms/machine/attachment.ts";
import { copyFrom } from "../../../../../../engine/protocol/copy.ts";
import { initialize } from "../../../../../../engine/protocol/engine.ts";
import { MockerError } from "../../../../../../engine/protocol/errors.ts";
import { InitializeParams } from "../../../../../../engine/protocol/params/engine.ts";
import { afterFile } from "../../../../../support/after-file.ts";
import { tmpDir } from "../../../../../support/tmp-dir.ts";
import { RpcClient } from "../rpc-client.ts";

const vms = ["web"];
const images = ["web", "alpine:3", "localhost:5000/a:1"];
/** What the services were asked for: `vm NAME PATH` or `image NAME PATH`. */
const asked: string[] = [];

const copies = {
  async fromVm(vm: string, path: string): Promise<Attachment> {
    asked.push(`vm ${vm} ${path}`);
    if (vm === "ab") throw new MockerError("VM_NOT_FOUND", "Multiple IDs found with provided prefix: ab");
    if (!vms.includes(vm)) throw new MockerError("VM_NOT_FOUND", `No such container: ${vm}`);
    const attachment = new Attachment();
    attachment.close();
    return attachment;
  },
  async fromImage(image: string, path: string): Promise<AsyncGenerator<Buffer>> {
    asked.push(`image ${image} ${path}`);
    if (!images.includes(image)) throw new MockerError("IMAGE_NOT_FOUND", `No such image: ${image}`);
    return (async function* () {})();
  },
  intoVm: () => Promise.reject(new Error("nothing is put into a VM here")),
};

const log = new Log(join(tmpDir(), "engine.jsonl"), "error");
const path = join(tmpDir(), "socket");
const server = createServer((socket) => {
  const rpc = new RpcConnection(socket, log, defaultLimits);
  rpc.handle(initialize, InitializeParams, ({ protocolVersion }) => ({
    protocolVersion,
    engine: { version: "1.2.3", pid: 1 },
    capabilities: {},
  }));
  const streams = new Streams();
  bindCopies(rpc, { copies, streams: new StreamServer(streams, log), uploads: new Uploads(streams) });
  rpc.listen();
});
afterFile(() => void server.close());

let client: RpcClient;
before(async () => {
  server.listen(path);
  await once(server, "listening");
  client = await RpcClient.initialized(path);
});

function copy(source: string): Promise<ResponseMessage> {
  asked.length = 0;
  return client.request(copyFrom.method, { source });
}

for (const [source, name, inside] of [
  ["web:/etc", "web", "/etc"],
  ["web:etc", "web", "etc"],
  ["alpine:3:/etc", "alpine:3", "/etc"],
  ["localhost:5000/a:1:/etc/x:y", "localhost:5000/a:1", "/etc/x:y"],
  ["alpine:3:etc", "alpine:3", "etc"],
] as const) {
  test(`${source} is ${inside} of ${name}`, async () => {
    const { result } = await copy(source);
    assert.ok(result && typeof result === "object" && "name" in result && "path" in result);
    assert.deepEqual([result.name, result.path], [name, inside]);
  });
}

test("a VM wins over an image of its name", async () => {
  await copy("web:/etc");
  assert.deepEqual(asked, ["vm web /etc"]);
});

test("what no reading finds is called a container", async () => {
  const { error } = await copy("nope:1:/etc");
  assert.equal(error?.message, "No such container: nope:1");
  assert.equal(error?.data?.code, "VM_NOT_FOUND");
  assert.deepEqual(asked, ["image nope:1 /etc", "vm nope 1:/etc", "image nope 1:/etc"]);
  assert.equal((await copy("nope")).error?.message, "No such container: nope");
});

test("a name that is the beginning of several IDs is called that", async () => {
  assert.equal((await copy("ab:/etc")).error?.message, "Multiple IDs found with provided prefix: ab");
});
