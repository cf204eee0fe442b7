import assert from "node:assert/strict";
import { test } from "node:test";
import {
  loadLines,
  PullReport,
  pushedLines,
  pushLines,
} from "../../../../engine/docker/api/progress-lines.ts";
import type { PullProgress } from "../../../../engine/protocol/index.ts";

test("a pull is told as dockerd tells it, each state once, checked before downloaded", () => {
  const report = new PullReport("latest: Pulling from library/alpine");
  const reports: PullProgress[] = [
    { layer: "", status: "pulling", message: "Pulling from library/alpine" },
    { layer: "aa", status: "exists" },
    { layer: "bb", status: "pulling" },
    { layer: "aa", status: "exists" },
    { layer: "bb", status: "downloading", currentBytes: 50, totalBytes: 100 },
    { layer: "bb", status: "preparing", currentBytes: 100, totalBytes: 100 },
    { layer: "bb", status: "verifying", currentBytes: 100, totalBytes: 100 },
    { layer: "", status: "retrying", message: "once more" },
    { layer: "bb", status: "complete" },
  ];
  const full = { current: 100, total: 100 };
  assert.deepEqual(
    [...reports.flatMap((one) => report.lines(one)), ...report.end("sha256:d")],
    [
      { status: "Pulling from library/alpine", id: "latest" },
      { status: "Already exists", progressDetail: {}, id: "aa" },
      { status: "Pulling fs layer", progressDetail: {}, id: "bb" },
      {
        status: "Downloading",
        progressDetail: { current: 50, total: 100 },
        progress: `[${"=".repeat(25)}>${" ".repeat(25)}]      50B/100B`,
        id: "bb",
      },
      { status: "Verifying Checksum", progressDetail: {}, id: "bb" },
      { status: "Download complete", progressDetail: {}, id: "bb" },
      {
        status: "Extracting",
        progressDetail: full,
        progress: `[${"=".repeat(50)}>]     100B/100B`,
        id: "bb",
      },
      { status: "once more" },
      { status: "Pull complete", progressDetail: {}, id: "bb" },
      { status: "Digest: sha256:d" },
    ],
  );
});

test("a pull by digest that finds all there has its title, too", () => {
  const report = new PullReport("sha256:d: Pulling from library/alpine");
  assert.deepEqual(report.end("sha256:d"), [
    { status: "Pulling from library/alpine", id: "sha256:d" },
    { status: "Digest: sha256:d" },
  ]);
});

test("a push ends with what clients read its digest from", () => {
  assert.deepEqual(pushLines({ layer: "aa", status: "mounted", message: "library/b" }), [
    { status: "Mounted from library/b", progressDetail: {}, id: "aa" },
  ]);
  assert.deepEqual(pushedLines({ tag: "v1", digest: "sha256:d", size: 527 }), [
    { status: "v1: digest: sha256:d size: 527" },
    { progressDetail: {}, aux: { Tag: "v1", Digest: "sha256:d", Size: 527 } },
  ]);
});

test("a load only counts", () => {
  assert.deepEqual(loadLines({ layer: "aa", status: "complete" }), []);
  assert.equal(
    loadLines({ layer: "aa", status: "downloading", currentBytes: 1, totalBytes: 2 })[0]?.status,
    "Loading layer",
  );
});
