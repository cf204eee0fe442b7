import assert from "node:assert/strict";
import { test } from "node:test";
import {
  historyObjects,
  imageInspectObject,
  imageListObject,
  removedObjects,
} from "../../../../engine/docker/api/image-objects.ts";
import { toJson } from "../../../../engine/docker/go-json.ts";
import type { ImageDetails, ImageSummary } from "../../../../engine/protocol/index.ts";

const image: ImageSummary = {
  id: "sha256:1",
  repoTags: [],
  repoDigests: [],
  created: "2026-01-01T00:00:00.9Z",
  sizeBytes: 5,
  architecture: "amd64",
  os: "linux",
  labels: { b: "2", a: "1" },
};

test("a listed image is dockerd's, of whatever version", () => {
  assert.equal(
    toJson(imageListObject(image, 52)),
    '{"Containers":-1,"Created":1767225600,"Id":"sha256:1","Labels":{"a":"1","b":"2"},"ParentId":"",' +
      '"RepoDigests":[],"RepoTags":[],"SharedSize":-1,"Size":5}',
  );
  const old = imageListObject({ ...image, labels: {}, created: "" }, 42, { sharedBytes: 3, vms: 2 });
  assert.deepEqual(old, {
    Containers: 2,
    Created: 0,
    Id: "sha256:1",
    Labels: null,
    ParentId: "",
    RepoDigests: ["<none>@<none>"],
    RepoTags: ["<none>:<none>"],
    SharedSize: 3,
    Size: 5,
    VirtualSize: 5,
  });
  const { RepoTags, RepoDigests } = imageListObject({ ...image, repoDigests: ["a@sha256:1"] }, 42);
  assert.deepEqual([RepoTags, RepoDigests], [[], ["a@sha256:1"]]);
});

test("the names of an image are those of its newest step", () => {
  const step = { created: "", createdBy: "x", sizeBytes: 0, comment: "" };
  const steps = [
    { ...step, id: "sha256:1" },
    { ...step, id: "<missing>" },
  ];
  const tags = historyObjects(steps, { repoTags: ["a:1"] }).map(({ Tags }) => Tags);
  assert.deepEqual(tags, [["a:1"], null]);
});

test("a removal names what lost its name before what is gone", () => {
  assert.deepEqual(removedObjects({ untagged: ["a:1"], deleted: ["sha256:1"] }), [
    { Untagged: "a:1" },
    { Deleted: "sha256:1" },
  ]);
});

test("an inspected image has what its API version had", () => {
  const details: ImageDetails = {
    ...image,
    manifestDigest: "sha256:2",
    layers: [],
    author: "",
    config: {
      env: ["A=1"],
      entrypoint: [],
      cmd: [],
      workingDir: "/w",
      user: "",
      stopSignal: "",
      exposedPorts: [],
      volumes: [],
      labels: {},
    },
  };
  const of = (minor: number): Record<string, unknown> =>
    JSON.parse(toJson(imageInspectObject(details, minor)));
  const { Config: oldest, VirtualSize, ContainerConfig } = of(43);
  assert.deepEqual([VirtualSize, typeof ContainerConfig], [5, "object"]);
  assert.deepEqual(of(45).Config, oldest);
  const { Hostname, Env, WorkingDir, Labels } = Object(oldest);
  assert.deepEqual([Hostname, Env, WorkingDir, Labels], ["", ["A=1"], "/w", null]);
  const own = { User: "", Env: ["A=1"], Cmd: null, Volumes: null, WorkingDir: "/w" };
  assert.deepEqual(of(50).Config, { ...own, Entrypoint: null, OnBuild: null, Labels: null });
  assert.deepEqual(of(52).Config, { Env: ["A=1"], WorkingDir: "/w" });
  assert.deepEqual(
    [44, 45, 51, 52].map((minor) => ["Container", "VirtualSize", "Parent"].map((key) => key in of(minor))),
    [
      [true, false, true],
      [false, false, true],
      [false, false, true],
      [false, false, false],
    ],
  );
});
