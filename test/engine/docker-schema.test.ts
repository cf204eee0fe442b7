/** Answers of docker.sock, held against Docker's own description of each API version. */
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { json as jsonOf } from "node:stream/consumers";
import { before, test } from "node:test";
import { ApiSchema } from "../docker-calls/schema.ts";
import { dockerArchive } from "../fixtures/docker/docker-archive.ts";
import { Mocker } from "../support/mocker.ts";

/** The descriptions of older ones have mistakes of their own. */
const minors = [41, 43, 45, 48, 51];

/** What dockerd does not keep to either. */
const exceptions: readonly RegExp[] = [
  // Go's pointers, null where nothing is set.
  /\/HostConfig\/(MemorySwappiness|OomKillDisable) must be (integer|boolean)$/,
  // The driver `local` is older than its mention.
  /\/HostConfig\/LogConfig\/Type must be equal to one of the allowed values$/,
];

/** What is asked for, and by which path it is described. */
const answers: readonly (readonly [path: string, described: string])[] = [
  ["/version", "/version"],
  ["/info", "/info"],
  ["/system/df", "/system/df"],
  ["/containers/json?all=1&size=1", "/containers/json"],
  ["/containers/runs/json?size=1", "/containers/{id}/json"],
  ["/containers/ended/json", "/containers/{id}/json"],
  ["/containers/runs/top", "/containers/{id}/top"],
  ["/containers/runs/stats?stream=0", "/containers/{id}/stats"],
  ["/containers/ended/changes", "/containers/{id}/changes"],
  ["/images/json", "/images/json"],
  ["/images/box/json", "/images/{name}/json"],
  ["/images/box/history", "/images/{name}/history"],
  ["/networks", "/networks"],
  ["/networks/web", "/networks/{id}"],
  ["/volumes", "/volumes"],
  ["/volumes/pages", "/volumes/{name}"],
  ["/plugins", "/plugins"],
];

const mocker = new Mocker();

before(async () => {
  await mocker.ok(["load", "-q", "-i", await dockerArchive(mocker.dir, "box")]);
  await mocker.ok(["network", "create", "--label", "a=b", "web"]);
  await mocker.ok(["volume", "create", "--label", "a=b", "pages"]);
  const health = ["--health-cmd", "true", "--health-interval", "1s"];
  const options = [
    "--network",
    "web",
    "-p",
    "127.0.0.1::80",
    "-v",
    "pages:/pages",
    "--label",
    "a=b",
    ...health,
  ];
  await mocker.ok(["run", "-d", "--name", "runs", ...options, "box", "sleep", "100000"]);
  await mocker.ok(["run", "--name", "ended", "--tmpfs", "/t", "box", "sh", "-c", "echo x >/x"]);
});

for (const minor of minors) {
  test(`API version 1.${minor}`, async () => {
    const schema = await ApiSchema.of(minor);
    const wrong: string[] = [];
    for (const [path, described] of answers) {
      const answer = await get(`/v1.${minor}${path}`);
      wrong.push(...schema.complaints("get", described, answer).map((complaint) => `${path}: ${complaint}`));
    }
    assert.deepEqual(
      wrong.filter((complaint) => !exceptions.some((exception) => exception.test(complaint))),
      [],
    );
  });
}

async function get(path: string): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    const socketPath = join(mocker.runDir, "docker.sock");
    const request = httpRequest({ socketPath, path, agent: false }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode}`));
      jsonOf(response).then(resolve, reject);
    });
    request.on("error", reject);
    request.end();
  });
}
