import assert from "node:assert/strict";
import { text as textOf } from "node:stream/consumers";
import { test } from "node:test";
import { addContainerLifeRoutes } from "../../../../../../engine/daemon/api/docker/routes/container-life-routes.ts";
import { addContainerRoutes } from "../../../../../../engine/daemon/api/docker/routes/container-routes.ts";
import { addContainerUsageRoutes } from "../../../../../../engine/daemon/api/docker/routes/container-usage-routes.ts";
import { addNetworkRoutes } from "../../../../../../engine/daemon/api/docker/routes/network-routes.ts";
import { FakeVms } from "../../../vms/fake-vms.ts";
import { type DockerClient, serveRoutes } from "../serve-routes.ts";

function serve(vms: FakeVms): Promise<DockerClient> {
  const services = {
    vms: vms.manager,
    networks: vms.networks,
    system: { usage: () => Promise.reject(new Error("nobody asks for sizes")) },
  };
  return serveRoutes((router) => {
    addContainerRoutes(router, services);
    addContainerLifeRoutes(router, services);
    addContainerUsageRoutes(router, services);
    addNetworkRoutes(router, services);
  });
}

/** Asks, and wants this status and, of what it has to say, this message. */
async function says(
  client: DockerClient,
  [method, path, body]: [method: string, path: string, body?: object],
  status: number,
  message?: string,
): Promise<void> {
  const answer = await client.ask(method, path, body ? { body: JSON.stringify(body) } : {});
  assert.deepEqual([path, answer.status], [path, status], answer.text);
  if (message !== undefined) assert.equal(JSON.parse(answer.text).message, message);
}

test("the body alone says what is created, whatever a client repeats in the query", async () => {
  const vms = new FakeVms();
  await vms.recover();
  const client = await serve(vms);
  const body = { Image: "box", Tty: true, HostConfig: { NetworkMode: "none" } };
  const path = "/containers/create?name=%2Fweb&platform=&Image=other&Tty=false&HostConfig=%7B%7D";
  const { status, text } = await client.ask("POST", path, { body: JSON.stringify(body) });
  const { Id, Warnings } = JSON.parse(text);
  assert.deepEqual([status, Warnings], [201, []]);
  const { name, config } = vms.manager.inspect({ vm: Id });
  assert.deepEqual([name, config.tty, config.network], ["web", true, { mode: "none" }]);

  // Clients pull at a 404: only for an image that is not there.
  await says(client, ["POST", "/containers/create", { Image: "no:1" }], 404, "No such image: no:1");
  const lost = { Image: "box", HostConfig: { NetworkMode: "lost" } };
  await says(client, ["POST", "/containers/create", lost], 400, "network lost not found");
  const wrong = { Image: "box", HostConfig: { Memory: "1g" } };
  await says(client, ["POST", "/containers/create", wrong], 400);
});

test("a container's life has dockerd's statuses and words", async () => {
  const vms = new FakeVms();
  const { id } = await vms.create();
  const client = await serve(vms);
  const post = (verb: string, status: number, message?: string): Promise<void> =>
    says(client, ["POST", `/v1.24/containers/box/${verb}`], status, message);
  const isNot = `container ${id} is not running`;
  await post("stop", 304);
  await post("kill", 409, `cannot kill container: box: ${isNot}`);
  await post("pause", 409, isNot);
  await says(client, ["GET", "/containers/box/top"], 409, isNot);
  await post("start", 204);
  await post("start", 304);
  await post("restart?signal=NO", 400, "Cannot restart container box: invalid signal: NO");
  await post("pause", 204);
  await post("pause", 409, `Container ${id} is already paused`);
  await post("unpause", 204);
  await says(client, ["DELETE", "/containers/box"], 409);
  await says(
    client,
    ["POST", "/containers/none/kill"],
    404,
    "cannot kill container: none: No such container: none",
  );
  await post("rename?name=", 400);
  await says(client, ["DELETE", "/containers/box?force=1&v=True"], 204);
});

test("a wait answers at once, and says the status when all is over; who leaves it is waited for no longer", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run({ autoRemove: true });
  const client = await serve(vms);
  const gone = new AbortController();
  const left = await client.open("POST", "/containers/box/wait", { signal: gone.signal });
  const answer = await client.open("POST", "/containers/box/wait?condition=removed");
  assert.deepEqual([left.statusCode, answer.statusCode], [200, 200]);
  left.once("error", () => undefined);
  gone.abort();
  await says(client, ["POST", "/containers/box/wait?condition=x"], 400, 'invalid condition: "x"');
  monitor.exit({ exitCode: 7 });
  assert.equal(await textOf(answer), '{"StatusCode":7}\n');
  assert.throws(() => vms.manager.find(vm.id), { code: "VM_NOT_FOUND" });
  assert.doesNotMatch(client.logged(), /request\.error/);
});

test("networks: what is built in is not touched, and a container is connected for its next start", async () => {
  const vms = new FakeVms();
  await vms.create();
  const client = await serve(vms);
  const asked = JSON.stringify({ Name: "web", CheckDuplicate: true, Labels: { a: "b" }, IPAM: null });
  const { status, text } = await client.ask("POST", "/networks/create", { body: asked });
  assert.deepEqual([status, JSON.parse(text).Warning], [201, ""]);
  const bridge = "operation is not permitted on predefined bridge network";
  await says(client, ["POST", "/networks/create", { Name: "bridge" }], 403, bridge);
  await says(client, ["DELETE", "/networks/bridge"], 403);
  await says(client, ["GET", "/networks/none-such"], 404, "network none-such not found");
  const connection = { Container: "box", EndpointConfig: { Aliases: ["db"], IPAMConfig: null } };
  await says(client, ["POST", "/networks/web/connect", connection], 200);
  const { network } = vms.manager.inspect({ vm: "box" }).config;
  const attachments = [{ network: "bridge" }, { network: "web", aliases: ["db"] }];
  assert.deepEqual(network, { mode: "networks", attachments });
  await says(client, ["POST", "/networks/web/disconnect", { Container: "box", Force: null }], 200);
  const list = await client.ask("GET", '/networks?filters={"label":{"a=b":true}}');
  assert.deepEqual(
    JSON.parse(list.text).map(({ Name, Containers }: { Name: string; Containers: object }) => [
      Name,
      Containers,
    ]),
    [["web", {}]],
  );
  await says(client, ["DELETE", "/networks/web"], 204);
});
