import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  MockerError,
  type NetworkDetails,
  networkConnect,
  networkCreate,
  networkDisconnect,
  networkInspect,
  networkList,
  networkPrune,
  networkRemove,
  vmInspect,
} from "../../../../../engine/protocol/index.ts";
import { vmDetails, vmId } from "../../fixtures.ts";
import { type Result, Setup } from "../../harness.ts";

const web: NetworkDetails = {
  id: "9a".repeat(32),
  name: "web",
  createdAt: "2024-05-01T12:00:00.5Z",
  driver: "bridge",
  subnet: "172.18.0.0/16",
  gateway: "172.18.0.1",
  internal: false,
  attachable: false,
  labels: { tier: "web" },
  options: {},
  endpoints: [
    {
      vm: vmId,
      name: "db",
      endpointId: "ee".repeat(32),
      mac: "02:42:ac:12:00:02",
      address: "172.18.0.2",
      prefixLength: 16,
    },
  ],
};

describe("networks", () => {
  let setup: Setup;
  before(async () => {
    setup = await Setup.create();
    const find = (network: string): NetworkDetails => {
      if (network === "web") return web;
      throw new MockerError("NETWORK_NOT_FOUND", `network ${network} not found`);
    };
    setup.engine
      .handle(networkCreate, () => ({ id: web.id, warnings: [] }))
      .handle(networkList, () => [
        web,
        { ...web, id: "b".repeat(64), name: "other", internal: true, labels: {} },
      ])
      .handle(networkInspect, ({ network }) => find(network))
      .handle(networkRemove, ({ network }) => ({ id: find(network).id }))
      .handle(networkPrune, ({ filters }) => ({ deleted: filters?.label ? [] : ["old", "older"] }))
      .handle(networkConnect, () => null)
      .handle(networkDisconnect, () => null)
      .handle(vmInspect, () =>
        vmDetails({
          ports: [
            { protocol: "udp", guestPort: 53, host: { address: "127.0.0.1", port: 5300 } },
            { protocol: "tcp", guestPort: 80, host: { address: "::", port: 8080 } },
            { protocol: "tcp", guestPort: 80, host: { address: "0.0.0.0", port: 8080 } },
            { protocol: "tcp", guestPort: 90 },
          ],
        }),
      );
  });
  after(() => setup.close());

  const run = (...argv: string[]): Promise<Result> => setup.run(argv);
  const asked = (): unknown => setup.engine.calls.at(-1)?.params;

  test("create says all that was asked for, and prints the ID", async () => {
    const { code, stdout } = await run(
      ...[
        "network",
        "create",
        "--subnet",
        "10.1.0.0/16",
        "--gateway",
        "10.1.0.9",
        "--ip-range",
        "10.1.2.0/24",
      ],
      ...["--internal", "--attachable", "--label", "a=b", "-o", "c=d", "-d", "bridge", "web"],
    );
    assert.deepEqual([code, stdout], [0, `${web.id}\n`]);
    assert.deepEqual(asked(), {
      name: "web",
      driver: "bridge",
      subnet: "10.1.0.0/16",
      gateway: "10.1.0.9",
      ipRange: "10.1.2.0/24",
      internal: true,
      attachable: true,
      labels: { a: "b" },
      options: { c: "d" },
    });
    assert.match((await run("network", "create", "--ipv6", "web")).stderr, /networks have no IPv6 yet/);
    assert.equal((await run("network", "create")).code, 1);
  });

  test("ls has Docker's columns, -q IDs, --format fields", async () => {
    assert.equal(
      (await run("network", "ls")).stdout,
      "NETWORK ID     NAME      DRIVER    SCOPE\n" +
        "9a9a9a9a9a9a   web       bridge    local\n" +
        "bbbbbbbbbbbb   other     bridge    local\n",
    );
    assert.equal((await run("network", "list", "-q", "--no-trunc")).stdout, `${web.id}\n${"b".repeat(64)}\n`);
    assert.equal(
      (await run("network", "ls", "--format", '{{.Name}} {{.Internal}} {{.Label "tier"}}')).stdout,
      "web false web\nother true \n",
    );
    await run("network", "ls", "-f", "driver=bridge");
    assert.deepEqual(asked(), { filters: { driver: ["bridge"] } });
  });

  test("inspect prints Docker's object", async () => {
    const { stdout } = await run("network", "inspect", "web");
    const [object] = JSON.parse(stdout);
    assert.deepEqual(object.IPAM, {
      Driver: "default",
      Options: {},
      Config: [{ Subnet: "172.18.0.0/16", Gateway: "172.18.0.1" }],
    });
    assert.deepEqual(object.Containers[vmId], {
      Name: "db",
      EndpointID: "ee".repeat(32),
      MacAddress: "02:42:ac:12:00:02",
      IPv4Address: "172.18.0.2/16",
      IPv6Address: "",
    });
    assert.equal(
      (await run("network", "inspect", "-f", "{{.Name}} {{.Scope}}", "web")).stdout,
      "web local\n",
    );
    assert.deepEqual(await run("network", "inspect", "nope"), {
      code: 1,
      stdout: "[]\n",
      stderr: "mocker: network nope not found\n",
    });
    assert.equal((await run("inspect", "--type", "network", "-f", "{{.Driver}}", "web")).stdout, "bridge\n");
  });

  test("rm prints the names; -f forgives one that is not there", async () => {
    assert.deepEqual(await run("network", "rm", "web", "nope"), {
      code: 1,
      stdout: "web\n",
      stderr: "mocker: network nope not found\n",
    });
    assert.deepEqual(await run("network", "rm", "-f", "nope"), { code: 0, stdout: "", stderr: "" });
  });

  test("prune asks first, and lists what is gone", async () => {
    assert.equal((await run("network", "prune", "-f")).stdout, "Deleted Networks:\nold\nolder\n\n");
    assert.equal((await run("network", "prune", "-f", "--filter", "label=x")).stdout, "");
    const { stdout, code } = await run("network", "prune");
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^WARNING! This will remove all custom networks not used by at least one container\.\n/,
    );
  });

  test("connect and disconnect say what was asked for, and print nothing", async () => {
    assert.deepEqual(
      await run("network", "connect", "--alias", "a,b", "--ip", "10.1.0.2", "--link", "db:d", "web", "box"),
      { code: 0, stdout: "", stderr: "" },
    );
    assert.deepEqual(asked(), {
      network: "web",
      vm: "box",
      aliases: ["a", "b"],
      address: "10.1.0.2",
      links: ["db:d"],
    });
    assert.deepEqual(await run("network", "disconnect", "-f", "web", "box"), {
      code: 0,
      stdout: "",
      stderr: "",
    });
    assert.deepEqual(asked(), { network: "web", vm: "box", force: true });
  });

  test("port lists what is published, or where one port is", async () => {
    assert.equal(
      (await run("port", "web")).stdout,
      "53/udp -> 127.0.0.1:5300\n80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n",
    );
    assert.equal((await run("port", "web", "80")).stdout, "0.0.0.0:8080\n[::]:8080\n");
    assert.equal((await run("container", "port", "web", "53/udp")).stdout, "127.0.0.1:5300\n");
    assert.deepEqual(await run("port", "web", "90"), {
      code: 1,
      stdout: "",
      stderr: "Error: No public port '90' published for web\n",
    });
    assert.match((await run("port", "web", "x")).stderr, /^Error: No public port 'x' published for web\n/);
  });
});
