import assert from "node:assert/strict";
import { test } from "node:test";
import { imageObject, vmObject, volumeObject } from "../../../engine/docker/inspect-object.ts";
import { imageDetails, vmDetails, volumeSummary } from "../cli/fixtures.ts";

test("a VM's object is a container's, with Mocker's own beside it", () => {
  const details = vmDetails(
    { state: "failed", exitCode: 137, reason: "killed", pid: 0 },
    { entrypoint: ["/e"], securityOpt: ["jail=weak"] },
  );
  const object = vmObject(details);
  assert.equal(object.Path, "/docker-entrypoint.sh");
  assert.deepEqual(object.Args, ["nginx", "-g", "daemon off;"]);
  assert.equal(object.Name, "/brave_otter");
  assert.deepEqual(object.State, {
    Status: "exited",
    Running: false,
    Paused: false,
    Restarting: false,
    OOMKilled: false,
    Dead: false,
    Pid: 0,
    ExitCode: 137,
    Error: "killed",
    StartedAt: "2024-05-01T12:00:01Z",
    FinishedAt: "0001-01-01T00:00:00Z",
  });
  assert.deepEqual(object.Mounts, [
    {
      Type: "bind",
      Source: "/home/user/a/long/path",
      Destination: "/data",
      Mode: "ro",
      RW: false,
      Propagation: "rprivate",
    },
  ]);
  const { Binds, Memory, NanoCpus, SecurityOpt } = object.HostConfig as Record<string, unknown>;
  assert.deepEqual(SecurityOpt, ["jail=weak"]);
  assert.deepEqual([Binds, Memory, NanoCpus], [["/home/user/a/long/path:/data:ro"], 512 * 2 ** 20, 2e9]);
  const { Entrypoint, Labels } = object.Config as Record<string, unknown>;
  assert.deepEqual(Entrypoint, ["/e"]);
  assert.deepEqual(Labels, new Map(Object.entries(details.labels)));
  assert.equal(object.Mocker, details);
});

test("a paused VM runs, and an entry point that is empty is null", () => {
  const object = vmObject(vmDetails({ state: "paused" }));
  const { Status, Running, Paused } = object.State as Record<string, unknown>;
  assert.deepEqual([Status, Running, Paused], ["paused", true, true]);
  assert.equal((object.HostConfig as Record<string, unknown>).SecurityOpt, null);
  assert.equal((object.Config as Record<string, unknown>).Entrypoint, null);
});

test("a VM's mounts are where Docker shows them: volumes, anonymous ones, and --tmpfs apart", () => {
  const object = vmObject(
    vmDetails({
      mounts: [
        { type: "volume", name: "data", source: "/v/data/_data", target: "/d", readOnly: false },
        { type: "volume", name: "f0", source: "/v/f0/_data", anonymous: true, target: "/a", readOnly: false },
        { type: "tmpfs", target: "/run", options: ["exec", "size=1m"], readOnly: false },
        { type: "tmpfs", target: "/tmp", readOnly: true },
      ],
    }),
  );
  const where = (target: string, mode = "") => ({
    Destination: target,
    Mode: mode,
    RW: mode !== "ro",
    Propagation: "",
  });
  const local = { Type: "volume", Driver: "local" };
  assert.deepEqual(object.Mounts, [
    { ...local, Name: "data", Source: "/v/data/_data", ...where("/d", "z") },
    { ...local, Name: "f0", Source: "/v/f0/_data", ...where("/a") },
    { Type: "tmpfs", Source: "", ...where("/tmp", "ro") },
  ]);
  const { Binds, Tmpfs } = object.HostConfig as Record<string, unknown>;
  assert.deepEqual(Binds, ["data:/d"]);
  assert.deepEqual(Tmpfs, new Map([["/run", "exec,size=1m"]]));
  assert.deepEqual((object.Config as Record<string, unknown>).Volumes, new Map([["/a", {}]]));
});

test("a volume's object is Docker's, and says when its record is broken", () => {
  const object = volumeObject(volumeSummary({ labels: { a: "1" } }));
  assert.deepEqual(Object.keys(object), [
    "CreatedAt",
    "Driver",
    "Labels",
    "Mountpoint",
    "Name",
    "Options",
    "Scope",
  ]);
  assert.deepEqual([object.Labels, object.Options], [new Map([["a", "1"]]), null]);
  assert.deepEqual(
    volumeObject(volumeSummary({ broken: "volume.json is missing" })).Status,
    new Map([["broken", "volume.json is missing"]]),
  );
});

test("an image's object has Go's maps, and its diff IDs as layers", () => {
  const image = imageDetails();
  const object = imageObject({
    ...image,
    config: { ...image.config, exposedPorts: ["80/tcp"], volumes: ["/v"] },
  });
  const { ExposedPorts, Volumes, Labels } = object.Config as Record<string, unknown>;
  assert.deepEqual(ExposedPorts, new Map([["80/tcp", {}]]));
  assert.deepEqual(Volumes, new Map([["/v", {}]]));
  assert.deepEqual(Labels, new Map(Object.entries(image.config.labels)));
  assert.deepEqual(object.RootFS, { Type: "layers", Layers: image.layers.map(({ diffId }) => diffId) });
  assert.deepEqual(object.Descriptor, { digest: image.manifestDigest });
  assert.equal(object.Comment, image.comment ?? "");
  assert.ok(!("Variant" in object));
  assert.equal(imageObject({ ...image, variant: "v7" }).Variant, "v7");
});

test("what a VM has not is there with Docker's zero values, and is left out where Docker leaves it out", () => {
  const object = vmObject(vmDetails());
  const host = object.HostConfig as Record<string, unknown>;
  assert.deepEqual(host.RestartPolicy, { Name: "no", MaximumRetryCount: 0 });
  assert.deepEqual(
    [host.Privileged, host.ShmSize, host.CapAdd, host.PidsLimit, host.MemorySwap, host.Init],
    [false, 64 * 1024 * 1024, null, null, 0, null],
  );
  const state = object.State as Record<string, unknown>;
  assert.ok("Health" in state && state.Health === null);
  assert.deepEqual(
    [JSON.stringify(state).includes("Health"), JSON.stringify(host).includes("Init")],
    [false, false],
  );
});

test("policies and health are where Docker has them", () => {
  const log = [{ start: "2026-01-01T00:00:00Z", end: "2026-01-01T00:00:01Z", exitCode: 1, output: "no" }];
  const object = vmObject(
    vmDetails(
      { state: "restarting", restartCount: 4, health: { status: "unhealthy", failingStreak: 1, log } },
      {
        restart: { name: "on-failure", maximumRetryCount: 5 },
        healthcheck: { test: ["CMD", "x"], intervalMs: 1500 },
        guest: { init: true, privileged: true, ulimits: [{ name: "core", soft: 0, hard: 1 }] },
      },
    ),
  );
  const json = JSON.parse(JSON.stringify(object));
  assert.deepEqual([json.RestartCount, json.State.Restarting, json.State.Running], [4, true, true]);
  assert.deepEqual(json.HostConfig.RestartPolicy, { Name: "on-failure", MaximumRetryCount: 5 });
  assert.deepEqual(json.State.Health, {
    Status: "unhealthy",
    FailingStreak: 1,
    Log: [{ Start: "2026-01-01T00:00:00Z", End: "2026-01-01T00:00:01Z", ExitCode: 1, Output: "no" }],
  });
  assert.deepEqual(json.Config.Healthcheck, { Test: ["CMD", "x"], Interval: 1_500_000_000 });
  assert.deepEqual([json.HostConfig.Init, json.HostConfig.Privileged], [true, true]);
  assert.deepEqual(json.HostConfig.Ulimits, [{ Name: "core", Hard: 1, Soft: 0 }]);
});
