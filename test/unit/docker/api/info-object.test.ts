import assert from "node:assert/strict";
import { test } from "node:test";
import { engineInfoObject, infoObject } from "../../../../engine/docker/api/info-object.ts";
import { toJson } from "../../../../engine/docker/go-json.ts";
import type { EngineInfo } from "../../../../engine/protocol/index.ts";

const info: EngineInfo = {
  version: "1.2.3",
  protocolVersion: 2,
  enginePid: 1,
  runtime: "krun",
  libkrunVersion: null,
  libkrunPath: null,
  guestKernelVersion: null,
  dataDir: "/d",
  socketPath: "/s",
  dockerSocket: "/docker.sock",
  registries: { mirrors: ["https://m/"], insecure: ["r:5000", "10.0.0.0/8"] },
  vms: { total: 3, running: 1, paused: 0, weaklyJailed: 0 },
  images: 2,
  nodeVersion: "v20",
  hostKernelVersion: "6.1",
  architecture: "x64",
  cpus: 4,
  memoryMiB: 2048,
  uptimeSeconds: 1,
  engineRssMiB: 1,
};

test("Docker's clients find no member twice: Go's JSON knows no case", () => {
  const context = { hostName: "box", now: new Date(0) };
  const object = engineInfoObject(info, context);
  assert.equal(object.Architecture, "x86_64");
  assert.equal(object.ClientInfo, undefined);
  const names = Object.keys(object).map((name) => name.toLowerCase());
  assert.equal(new Set(names).size, names.length);
  // Mocker's own has both.
  const own = infoObject(info, { ...context, client: { version: "1", arch: "amd64", os: "linux" } });
  assert.equal(own.architecture, "x64");
  assert.equal(own.dockerSocket, "/docker.sock");
});

test("registries are told as dockerd tells them", () => {
  const { RegistryConfig } = engineInfoObject(info, { hostName: "box", now: new Date(0) });
  assert.deepEqual(JSON.parse(toJson(RegistryConfig)), {
    InsecureRegistryCIDRs: ["127.0.0.0/8", "::1/128", "10.0.0.0/8"],
    IndexConfigs: {
      "docker.io": { Name: "docker.io", Mirrors: ["https://m/"], Secure: true, Official: true },
      "r:5000": { Name: "r:5000", Mirrors: [], Secure: false, Official: false },
    },
    Mirrors: ["https://m/"],
  });
});
