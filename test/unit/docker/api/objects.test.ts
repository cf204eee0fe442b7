import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { containerEntry, containerObject } from "../../../../engine/docker/api/container-object.ts";
import { NetworkBody, networkParams } from "../../../../engine/docker/api/network-body.ts";
import { statsObject } from "../../../../engine/docker/api/stats-object.ts";
import { UpdateBody, updateParams } from "../../../../engine/docker/api/update-params.ts";
import { toJson } from "../../../../engine/docker/go-json.ts";
import { vmDetails, vmStats } from "../../cli/fixtures.ts";

test("a container of a list, whose failed end Docker calls an exit", () => {
  const details = vmDetails({
    state: "failed",
    status: "Failed (1) 2 minutes ago",
    ports: [
      { protocol: "tcp", guestPort: 80, host: { address: "0.0.0.0", port: 8080 } },
      { protocol: "udp", guestPort: 53 },
    ],
  });
  const entry = JSON.parse(toJson(containerEntry(details, details, { own: 1, whole: 3 })));
  assert.deepEqual(
    { ...entry, Mounts: entry.Mounts.length, NetworkSettings: Object.keys(entry.NetworkSettings.Networks) },
    {
      Id: details.id,
      Names: ["/brave_otter"],
      Image: "alpine",
      ImageID: details.imageId,
      Command: "/docker-entrypoint.sh nginx -g 'daemon off;'",
      Created: 1714564800,
      Ports: [
        { PrivatePort: 53, Type: "udp" },
        { IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" },
      ],
      SizeRw: 1,
      SizeRootFs: 3,
      Labels: { app: "shop", tier: "web" },
      State: "exited",
      Status: "Exited (1) 2 minutes ago",
      HostConfig: { NetworkMode: "bridge" },
      NetworkSettings: details.endpoints.map(({ network }) => network),
      Mounts: 1,
    },
  );
});

test("an inspected container has nothing of ours beside Docker's members", () => {
  const object = containerObject(vmDetails());
  assert.equal(object.Name, "/brave_otter");
  assert.ok(!("Mocker" in object));
});

test("Docker's clients count the share of the CPUs from two samples", () => {
  const sample = (readAtMs: number, cpuMs: number) => ({
    stats: { ...vmStats(), running: true, cpus: 2, readAtMs, cpuMs },
    time: "2026-01-01T00:00:00Z",
  });
  const { cpu_stats, precpu_stats } = JSON.parse(toJson(statsObject(sample(1000, 200), sample(0, 0))));
  // docker/cli, calculateCPUPercentUnix
  const used = cpu_stats.cpu_usage.total_usage - precpu_stats.cpu_usage.total_usage;
  const all = cpu_stats.system_cpu_usage - precpu_stats.system_cpu_usage;
  assert.equal((used / all) * cpu_stats.online_cpus * 100, 20);
});

test("an update says what is to be changed, and refuses what cannot be", () => {
  const params = (body: object): unknown => updateParams(v.parse(UpdateBody, body)).params;
  assert.deepEqual(params({ Memory: 2 ** 29, NanoCpus: 0, RestartPolicy: { Name: "" } }), { memoryMiB: 512 });
  assert.deepEqual(params({ RestartPolicy: { Name: "always" } }), {
    restart: { name: "always", maximumRetryCount: 0 },
  });
  assert.throws(() => params({ CpusetCpus: "0" }), /^MockerError: CpusetCpus: a VM's CPUs are not bound/);
});

test("a network has one IPv4 subnet", () => {
  const params = (body: object): unknown => networkParams(v.parse(NetworkBody, { Name: "n", ...body }));
  const plain = { name: "n", internal: false, attachable: false, labels: {}, options: {} };
  assert.deepEqual(params({ CheckDuplicate: true, IPAM: { Driver: "default", Config: null } }), plain);
  assert.deepEqual(
    params({ Driver: "bridge", IPAM: { Config: [{ Subnet: "10.0.0.0/8", Gateway: "10.0.0.1" }] } }),
    {
      ...plain,
      driver: "bridge",
      subnet: "10.0.0.0/8",
      gateway: "10.0.0.1",
    },
  );
  assert.throws(() => params({ EnableIPv6: true }), { code: "FEATURE_UNAVAILABLE" });
  assert.throws(() => params({ IPAM: { Config: [{}, {}] } }), { code: "FEATURE_UNAVAILABLE" });
});
