import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  ImageSummary,
  NetworkDetails,
  VmSummary,
  VolumeSummary,
} from "../../../../engine/protocol/index.ts";
import {
  applyImageChange,
  applyVmChange,
  emptySnapshot,
  networkUsers,
  runningCount,
  type Snapshot,
  sortedImages,
  sortedVms,
  usersOf,
  volumeUsers,
  withLists,
} from "../../../../extension/engine/store.ts";

function vm(id: string, more: Partial<VmSummary> = {}): VmSummary {
  return {
    id,
    name: `vm-${id}`,
    image: "alpine",
    imageId: "sha256:a",
    command: ["sh"],
    createdAt: "2026-01-01T00:00:00Z",
    state: "running",
    status: "Up 1 second",
    runtime: "simulation",
    labels: {},
    mounts: [],
    networks: ["bridge"],
    ports: [],
    ...more,
  };
}

function image(id: string, more: Partial<ImageSummary> = {}): ImageSummary {
  return {
    id,
    repoTags: [],
    repoDigests: [],
    created: "2026-01-01T00:00:00Z",
    sizeBytes: 1,
    architecture: "amd64",
    os: "linux",
    labels: {},
    ...more,
  };
}

function snapshotOf(vms: VmSummary[], images: ImageSummary[]): Snapshot {
  return withLists(emptySnapshot, { vms, images });
}

test("a change replaces one record and leaves the snapshot before it as it was", () => {
  const before = snapshotOf([vm("1"), vm("2")], []);
  const after = applyVmChange(before, { kind: "exited", id: "1", vm: vm("1", { state: "exited" }) });
  assert.equal(before.vms.get("1")?.state, "running");
  assert.equal(after.vms.get("1")?.state, "exited");
  assert.equal(after.vms.get("2"), before.vms.get("2"));
});

test("removal takes the record away, also one that was never there", () => {
  const snapshot = applyVmChange(snapshotOf([vm("1")], []), { kind: "removed", id: "1" });
  assert.equal(snapshot.vms.size, 0);
  assert.equal(applyImageChange(emptySnapshot, { kind: "removed", id: "x" }).images.size, 0);
});

test("doing the events since before the lists once more ends in the same state", () => {
  const exited = vm("1", { state: "exited" });
  const listed = snapshotOf([vm("2")], []);
  const replayed = [
    { kind: "created", id: "1", vm: vm("1") },
    { kind: "exited", id: "1", vm: exited },
    { kind: "removed", id: "1" },
  ] as const;
  const snapshot = replayed.reduce((state, change) => applyVmChange(state, change), listed);
  assert.deepEqual([...snapshot.vms.keys()], ["2"]);
});

test("running VMs come first to choose from, then the newest", () => {
  const snapshot = snapshotOf(
    [
      vm("old", { state: "exited", createdAt: "2026-01-01T00:00:00Z" }),
      vm("new", { state: "exited", createdAt: "2026-01-03T00:00:00Z" }),
      vm("up", { createdAt: "2026-01-02T00:00:00Z" }),
    ],
    [],
  );
  assert.deepEqual(
    sortedVms(snapshot).map(({ id }) => id),
    ["up", "new", "old"],
  );
  assert.equal(runningCount(snapshot), 1);
});

test("images sort by tag, untagged ones last; users are found by image ID", () => {
  const snapshot = snapshotOf(
    [vm("1", { imageId: "b" })],
    [image("x"), image("b", { repoTags: ["b:latest"] }), image("a", { repoTags: ["a:latest"] })],
  );
  assert.deepEqual(
    sortedImages(snapshot).map(({ id }) => id),
    ["a", "b", "x"],
  );
  assert.deepEqual(usersOf(snapshot, "b"), ["vm-1"]);
  assert.deepEqual(usersOf(snapshot, "a"), []);
});

test("a list takes the place of the one before and leaves the others alone", () => {
  const volume = (name: string): VolumeSummary => ({
    name,
    driver: "local",
    createdAt: "2026-01-01T00:00:00Z",
    mountpoint: `/volumes/${name}/_data`,
    anonymous: false,
    labels: {},
    options: {},
    users: [],
  });
  const before = withLists(snapshotOf([vm("1")], []), { volumes: [volume("a"), volume("b")] });
  const after = withLists(before, { volumes: [volume("b")] });
  assert.deepEqual([...after.volumes.keys()], ["b"]);
  assert.equal(after.vms, before.vms);
});

test("networks are those that a VM can be in", () => {
  const network = (name: string, driver: NetworkDetails["driver"]): NetworkDetails => ({
    id: name,
    name,
    createdAt: "2026-01-01T00:00:00Z",
    driver,
    subnet: "",
    gateway: "",
    internal: false,
    attachable: false,
    labels: {},
    options: {},
    endpoints: [],
  });
  const networks = [network("bridge", "bridge"), network("host", "host"), network("none", "null")];
  assert.deepEqual([...withLists(emptySnapshot, { networks }).networks.keys()], ["bridge"]);
});

test("volumes and networks are used by VMs that are made for them, running or not", () => {
  const snapshot = snapshotOf(
    [
      vm("1", {
        mounts: [{ type: "volume", name: "data", target: "/data", readOnly: false }],
        networks: ["back", "front"],
      }),
      vm("2", {
        state: "exited",
        mounts: [{ type: "volume", name: "data", target: "/x", readOnly: true }],
        networks: ["back"],
      }),
      vm("3", { mounts: [{ type: "bind", source: "/data", target: "/data", readOnly: false }] }),
    ],
    [],
  );
  assert.deepEqual(volumeUsers(snapshot, "data"), ["vm-1", "vm-2"]);
  assert.deepEqual(volumeUsers(snapshot, "dat"), []);
  assert.deepEqual(networkUsers(snapshot, "back"), ["vm-1", "vm-2"]);
  assert.deepEqual(networkUsers(snapshot, "front"), ["vm-1"]);
});
