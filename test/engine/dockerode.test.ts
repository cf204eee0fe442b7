/** Calls of dockerode at a real dockerd and at Mocker's socket: what differs has its reason here. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import Docker from "dockerode";
import { calls } from "../docker-calls/dockerode-calls.ts";
import { compareShapes } from "../docker-calls/shape.ts";
import { dockerArchive } from "../fixtures/docker/docker-archive.ts";
import { type Dockerd, startDockerd } from "../fixtures/docker/dockerd.ts";
import { Mocker } from "../support/mocker.ts";
import { tmpDir } from "../support/tmp-dir.ts";

/** Why the answer to a call is another than dockerd's. */
const differences: Readonly<Record<string, string>> = {
  info: "there are no containerd and no runc to tell of",
  "container.stats one-shot": "dockerd forgets name and ID there",
  "listContainers running":
    "a VM's disk has a size from the start; dockerd leaves out that nothing was written",
};

let dockerd: Dockerd;
const mocker = new Mocker();
let sides: { theirs: Docker; ours: Docker };

before(async () => {
  const archive = await dockerArchive(tmpDir(), "box");
  dockerd = await startDockerd({ containers: true });
  await dockerd.docker("load", "-q", "-i", archive);
  await mocker.ok(["load", "-q", "-i", archive]);
  sides = {
    theirs: new Docker({ socketPath: dockerd.host.replace("unix://", ""), version: "v1.50" }),
    ours: new Docker({ socketPath: join(mocker.runDir, "docker.sock"), version: "v1.50" }),
  };
});
after(async () => {
  await dockerd?.stop();
});

type Answer = { value: unknown } | { status: number; message: string };

for (const { name, run, exact } of calls) {
  test(name, { timeout: 60_000 }, async () => {
    const [theirs, ours] = await Promise.all([answerOf(run, sides.theirs), answerOf(run, sides.ours)]);
    const wrong = complaint(theirs, ours, exact === true);
    const reason = differences[name];
    if (reason === undefined) assert.equal(wrong, undefined, wrong);
    else assert.notEqual(wrong, undefined, `does not differ, but is listed: ${reason}`);
  });
}

async function answerOf(run: (docker: Docker) => Promise<unknown>, docker: Docker): Promise<Answer> {
  try {
    return { value: await run(docker) };
  } catch (error) {
    const { statusCode, json, message } = error as {
      statusCode?: number;
      json?: { message?: string };
    } & Error;
    if (statusCode === undefined) throw error;
    return { status: statusCode, message: withoutIds(json?.message ?? message) };
  }
}

function complaint(theirs: Answer, ours: Answer, exact: boolean): string | undefined {
  if ("status" in theirs || "status" in ours) {
    if ("status" in theirs && "status" in ours && theirs.status === ours.status) {
      if (!exact || theirs.message === ours.message) return undefined;
    }
    return `dockerd: ${brief(theirs)}\nMocker: ${brief(ours)}`;
  }
  if (exact) {
    const [a, b] = [theirs, ours].map(({ value }) => withoutIds(JSON.stringify(value) ?? ""));
    return a === b ? undefined : `dockerd: ${a}\nMocker: ${b}`;
  }
  const { missing, more } = compareShapes(theirs.value, ours.value);
  if (missing.length === 0 && more.length === 0) return undefined;
  return `missing:\n  ${missing.join("\n  ")}\nmore:\n  ${more.join("\n  ")}`;
}

function brief(answer: Answer): string {
  return (JSON.stringify(answer) ?? "").slice(0, 500);
}

function withoutIds(text: string): string {
  return text.replace(/\b[0-9a-f]{64}\b/g, "<id>").replace(/\b[0-9a-f]{12}\b/g, "<id>");
}
