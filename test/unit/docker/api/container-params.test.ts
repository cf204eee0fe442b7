import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { ContainerBody } from "../../../../engine/docker/api/container-body.ts";
import { containerParams } from "../../../../engine/docker/api/container-params.ts";
import type { VmCreateParams } from "../../../../engine/protocol/index.ts";

const nobody = { name: undefined, platform: undefined };

/** The VM that a body asks for, without what every one says. */
function vmOf(body: object): Partial<VmCreateParams> {
  const { params } = containerParams(v.parse(ContainerBody, { Image: "box", ...body }), nobody);
  const { image, tty, openStdin, autoRemove, ...rest } = params;
  assert.deepEqual([image, tty, openStdin, autoRemove], ["box", false, false, false]);
  return rest;
}

const host = (members: object): Partial<VmCreateParams> => vmOf({ HostConfig: members });

const endpoints = (mode: string, named: object): VmCreateParams["network"] =>
  vmOf({ HostConfig: { NetworkMode: mode }, NetworkingConfig: { EndpointsConfig: named } }).network;

const networks = (...attachments: object[]): object => ({ mode: "networks", attachments });

test("what says nothing, as Docker's command line writes it, asks for nothing", () => {
  const config = {
    ...{ Hostname: "", Domainname: "", User: "", AttachStdin: false, AttachStdout: true, Tty: false },
    ...{ OpenStdin: false, StdinOnce: false, Env: null, Cmd: null, Volumes: {}, WorkingDir: "" },
    ...{ Entrypoint: null, OnBuild: null, Labels: {}, Healthcheck: null, StopTimeout: null },
  };
  const hostConfig = {
    ...{ Binds: null, ContainerIDFile: "", LogConfig: { Type: "", Config: {} }, NetworkMode: "default" },
    ...{ PortBindings: {}, RestartPolicy: { Name: "no", MaximumRetryCount: 0 }, VolumesFrom: null },
    ...{ ConsoleSize: [24, 80], CapAdd: null, Dns: [], DnsOptions: null, ExtraHosts: null, Links: null },
    ...{ OomScoreAdj: 0, SecurityOpt: null, ShmSize: 0, Memory: 0, NanoCpus: 0, Devices: [], Ulimits: [] },
    ...{ DeviceRequests: null, MemorySwappiness: -1, OomKillDisable: false, PidsLimit: 0, Init: null },
    ...{ IpcMode: "private", PidMode: "host", MaskedPaths: null, BlkioDeviceReadBps: null, CpuShares: 5 },
  };
  const endpoint = { IPAMConfig: null, Links: null, Aliases: null, MacAddress: "", DriverOpts: null };
  const NetworkingConfig = { EndpointsConfig: { default: endpoint } };
  assert.deepEqual(vmOf({ ...config, HostConfig: hostConfig, NetworkingConfig }), {});
  assert.deepEqual(vmOf({ HostConfig: null, NetworkingConfig: null }), {});
});

test("commands are a word or a list, and an empty entry point is not one of an empty word", () => {
  assert.deepEqual(vmOf({ Cmd: "a b", Entrypoint: [] }), { command: ["a b"], entrypoint: [] });
  assert.deepEqual(vmOf({ Cmd: [], Entrypoint: [""] }), { entrypoint: [""] });
  assert.deepEqual(vmOf({ Entrypoint: "sh" }), { entrypoint: ["sh"] });
});

test("durations of health checks are nanoseconds", () => {
  const Healthcheck = { Test: ["CMD", "true"], Interval: 2_500_000_000, Timeout: 0, Retries: 4 };
  assert.deepEqual(vmOf({ Healthcheck }).healthcheck, {
    test: ["CMD", "true"],
    intervalMs: 2500,
    retries: 4,
  });
});

test("ports are bound as Docker binds them", () => {
  const ports = (PortBindings: object): unknown => host({ PortBindings }).ports;
  const web = { protocol: "tcp", guestPort: 80 };
  const cases: [object, object | undefined][] = [
    [{ "80/tcp": [{ HostIp: "", HostPort: "8080" }] }, [{ ...web, hostPort: 8080 }]],
    [{ "80": [{ HostPort: "0" }, {}] }, [web, web]],
    [{ "80/tcp": [{ HostIp: "::1", HostPort: "" }] }, [{ ...web, hostAddress: "::1" }]],
    [{ "80/tcp": [{ HostPort: "90-99" }] }, [{ ...web, hostPort: 90, hostPortEnd: 99 }]],
    [{ "53/udp": [{ HostPort: "53" }] }, [{ protocol: "udp", guestPort: 53, hostPort: 53 }]],
    [{ "80/tcp": null }, undefined],
  ];
  for (const [bindings, expected] of cases) assert.deepEqual(ports(bindings), expected);
  assert.deepEqual(host({ PortBindings: { "80/tcp": [] } }), { exposedPorts: ["80/tcp"] });
  assert.deepEqual(vmOf({ ExposedPorts: { "1-2/udp": {}, "9": {} } }).exposedPorts, [
    "9/tcp",
    "1/udp",
    "2/udp",
  ]);
});

test("binds, mounts and tmpfs are mounts; a volume of the same place gives way to them", () => {
  assert.deepEqual(
    vmOf({
      Volumes: { "/d": {}, "/own": {} },
      HostConfig: {
        Binds: ["/src:/b:ro,z", "data:/d/"],
        VolumeDriver: "local",
        Mounts: [
          { Type: "bind", Source: "/must/", Target: "/m" },
          { Type: "bind", Source: "/may", Target: "/n", BindOptions: { CreateMountpoint: true } },
          {
            Type: "volume",
            Target: "/v",
            ReadOnly: true,
            VolumeOptions: { NoCopy: true, Labels: { a: "b" } },
          },
          { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 9, Mode: 0o1770, Options: [["exec"]] } },
        ],
        Tmpfs: { "/run": "ro,size=5m", "/tmp": "" },
      },
    }).mounts,
    [
      { type: "bind", source: "/src", target: "/b", readOnly: true },
      { type: "volume", name: "data", target: "/d/", readOnly: false, driver: "local" },
      { type: "bind", source: "/must/", mustExist: true, target: "/m", readOnly: false },
      { type: "bind", source: "/may", target: "/n", readOnly: false },
      { type: "volume", noCopy: true, labels: { a: "b" }, target: "/v", readOnly: true },
      { type: "tmpfs", sizeBytes: 9, options: ["mode=1770", "exec"], target: "/t", readOnly: false },
      { type: "tmpfs", options: ["size=5m"], target: "/run", readOnly: true },
      { type: "tmpfs", options: [], target: "/tmp", readOnly: false },
      { type: "volume", target: "/own", readOnly: false },
    ],
  );
});

test("networks: that of the mode and all that are named, the way out by priority", () => {
  const alias = { Aliases: ["db"], IPAMConfig: { IPv4Address: "10.0.0.2" }, MacAddress: "02:00:00:00:00:01" };
  const db = { aliases: ["db"], address: "10.0.0.2", mac: "02:00:00:00:00:01" };
  assert.deepEqual(endpoints("web", {}), networks({ network: "web" }));
  assert.deepEqual(
    endpoints("web", { back: null, web: alias }),
    networks({ network: "web", ...db }, { network: "back" }),
  );
  assert.deepEqual(
    endpoints("web", { back: alias }),
    networks({ network: "web" }, { network: "back", ...db }),
  );
  // A client that names networks and no mode does not want the default one.
  assert.deepEqual(endpoints("", { back: {} }), networks({ network: "back" }));
  assert.deepEqual(endpoints("bridge", { default: {} }), undefined);
  assert.deepEqual(
    endpoints("web", { web: {}, back: { GwPriority: 2 } }),
    networks({ network: "back" }, { network: "web" }),
  );
  assert.deepEqual(endpoints("none", { none: {} }), { mode: "none" });
  assert.deepEqual(vmOf({ NetworkDisabled: true }).network, { mode: "none" });
  assert.deepEqual(
    host({ Links: ["/db:/web/other", "cache"] }).network,
    networks({ network: "default", links: ["db:other", "cache:cache"] }),
  );
  assert.deepEqual(
    vmOf({ MacAddress: "02:00:00:00:00:01" }).network,
    networks({ network: "default", mac: "02:00:00:00:00:01" }),
  );
});

test("limits and the guest", () => {
  assert.deepEqual(host({ Memory: 2 ** 29, MemorySwap: -1, CpuQuota: 200_000 }), { memoryMiB: 512, cpus: 2 });
  const Ulimits = [{ Name: "nofile", Soft: 10, Hard: 20 }];
  assert.deepEqual(
    host({
      Ulimits,
      Init: true,
      ShmSize: 65_536,
      PidsLimit: -1,
      Sysctls: { "net.a": "1" },
      StorageOpt: { size: "1g" },
    }).guest,
    {
      init: true,
      shmSizeBytes: 65_536,
      ulimits: [{ name: "nofile", soft: 10, hard: 20 }],
      sysctls: { "net.a": "1" },
      pidsLimit: -1,
      storageSizeBytes: 2 ** 30,
    },
  );
  assert.deepEqual(host({ RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } }).restart, {
    name: "on-failure",
    maximumRetryCount: 3,
  });
  assert.deepEqual(host({ Runtime: "runc", LogConfig: { Type: "json-file", Config: null } }), {
    log: { driver: "json-file", options: {} },
  });
  const body = v.parse(ContainerBody, { Image: "box", HostConfig: { NanoCpus: 1.5e9 } });
  assert.deepEqual(containerParams(body, { name: "n", platform: "linux/arm64" }), {
    params: {
      ...{ image: "box", tty: false, openStdin: false, autoRemove: false },
      ...{ name: "n", platform: "linux/arm64", cpus: 2 },
    },
    warnings: ["--cpus 1.5: a VM has whole CPUs, it gets 2"],
  });
});

test("what is wrong, or impossible, is refused in words", () => {
  const wrong: [object, RegExp][] = [
    [{ Image: "" }, /^no image specified$/],
    [{ ExposedPorts: { x: {} } }, /^invalid range format/],
    [{ HostConfig: { PortBindings: { "80-81/tcp": [] } } }, /^invalid port specification: "80-81\/tcp"$/],
    [
      { HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "x" }] } } },
      /^invalid port specification: "x"$/,
    ],
    [{ HostConfig: { PortBindings: { "80/sctp": [{}] } } }, /sctp cannot be published/],
    [{ HostConfig: { Binds: ["./x:/y"] } }, /"\.\/x" includes invalid characters for a local volume name/],
    [{ HostConfig: { Binds: [":/y"] } }, /^invalid volume specification: ':\/y'$/],
    [
      { HostConfig: { Mounts: [{ Type: "bind", Target: "/t" }] } },
      /^invalid mount config for type "bind": field Source must not be empty$/,
    ],
    [{ HostConfig: { Mounts: [{ Type: "x", Target: "/t" }] } }, /mount type unknown$/],
    [
      { HostConfig: { Mounts: [{ Type: "tmpfs", Target: "/t", VolumeOptions: {} }] } },
      /field VolumeOptions must not be specified$/,
    ],
    [{ HostConfig: { NetworkMode: "container:x" } }, /cannot have the network of another one/],
    [{ HostConfig: { PidMode: "container:x" } }, /^PidMode container:x: a VM shares nothing/],
    [{ HostConfig: { IpcMode: "x" } }, /^invalid IPC mode: x$/],
    [{ HostConfig: { DeviceRequests: [{ Count: -1 }] } }, /no GPU of the host/],
    [
      { HostConfig: { Devices: [{ PathOnHost: "/dev/sda", PathInContainer: "/dev/sda" }] } },
      /devices of the host/,
    ],
    [{ HostConfig: { NanoCpus: 1e9, CpuQuota: 1 } }, /^Conflicting options: Nano CPUs and CPU Quota/],
    [{ HostConfig: { Memory: 1e9, MemorySwap: 1e8 } }, /^Minimum memoryswap limit/],
    [{ HostConfig: { Runtime: "kata" } }, /^unknown or invalid runtime name: kata$/],
    [{ HostConfig: { RestartPolicy: { Name: "x" } } }, /unknown policy 'x'/],
    [{ HostConfig: { RestartPolicy: { MaximumRetryCount: 2 } } }, /can only be used with 'on-failure'$/],
    [{ HostConfig: { Dns: ["x"] } }, /IP address is not correctly formatted: x/],
  ];
  for (const [body, message] of wrong) assert.throws(() => vmOf(body), { message }, JSON.stringify(body));
});

test("a member of another type is named", () => {
  const result = v.safeParse(ContainerBody, { HostConfig: { Memory: "1g" } });
  assert.equal(result.issues && v.getDotPath(result.issues[0]), "HostConfig.Memory");
});
