import assert from "node:assert/strict";
import { test } from "node:test";
import { imageObject, vmObject } from "../../../engine/docker/inspect-object.ts";
import { imageDetails, vmDetails } from "../cli/fixtures.ts";

test("a VM's object is a container's, with Mocker's own beside it", () => {
  const details = vmDetails(
    { state: "failed", exitCode: 137, reason: "killed", pid: 0 },
    { entrypoint: ["/e"] },
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
  const { Binds, Memory, NanoCpus } = object.HostConfig as Record<string, unknown>;
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
  assert.equal((object.Config as Record<string, unknown>).Entrypoint, null);
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
