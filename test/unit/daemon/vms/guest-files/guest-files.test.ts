import assert from "node:assert/strict";
import { test } from "node:test";
import { GuestFiles } from "../../../../../engine/daemon/vms/guest-files/guest-files.ts";
import { fails } from "../../../../support/fails-with.ts";
import { FakeFileAgent } from "../machine/fake-file-agent.ts";

const never = new AbortController().signal;

async function* chunksOf(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

test("a path is what the agent says, or nothing", async () => {
  const agent = await FakeFileAgent.start({
    "stat /link": { out: `${0o120777} 5 1700000000 25\0/there/é` },
    "stat /nope": { err: "no such file or directory\n", code: 2 },
    "stat /bad": { err: "input/output error\n", code: 1 },
  });
  const files = new GuestFiles(agent);
  assert.deepEqual(await files.stat("/link", never), {
    mode: 0o120777,
    sizeBytes: 5,
    mtimeSeconds: 1_700_000_000,
    mtimeNanoseconds: 25,
    linkTarget: "/there/é",
  });
  assert.equal(await files.stat("/nope", never), undefined);
  await assert.rejects(files.stat("/bad", never), fails("INVALID_ARGUMENT", /^input\/output error$/));
});

test("changes are read as they are, also with odd names", async () => {
  const agent = await FakeFileAgent.start({ changes: { out: "C/etc\0A/etc/a\nb c\0D/etc/group\0" } });
  assert.deepEqual(await new GuestFiles(agent).changes(never), [
    { kind: "changed", path: "/etc" },
    { kind: "added", path: "/etc/a\nb c" },
    { kind: "deleted", path: "/etc/group" },
  ]);
});

for (const [what, answer] of [
  ["no numbers", { out: "a b c d\0" }],
  ["no end", { out: "1 2 3 4" }],
  ["numbers that are none", { out: "1e99 2 3 4\0" }],
  ["without end", { out: "x".repeat(100_000) }],
  ["no exit", { out: "1 2 3 4\0", code: undefined }],
] as const) {
  test(`a guest that says ${what} is not believed`, async () => {
    const agent = await FakeFileAgent.start({ "stat /x": answer, changes: answer });
    await assert.rejects(new GuestFiles(agent).stat("/x", never), fails("AGENT_UNREACHABLE", /./));
    if (what !== "without end")
      await assert.rejects(new GuestFiles(agent).changes(never), fails("AGENT_UNREACHABLE", /./));
  });
}

test("an archive goes to the agent, whose failure is told though not all of it has gone", async () => {
  const agent = await FakeFileAgent.start({
    "extract /a keep-kinds": {},
    "extract /full ": { err: "write /full/x: no space left on device\n", code: 1, early: true },
    "extract /nope ": { err: "no such file or directory\n", code: 2, early: true },
  });
  const files = new GuestFiles(agent);
  await files.extract("/a", chunksOf("one", "x".repeat(200_000), "two"), { keepsKinds: true }, never);
  assert.equal(agent.input, `one${"x".repeat(200_000)}two`);
  const endless = async function* (): AsyncGenerator<Buffer> {
    for (;;) yield Buffer.alloc(65_536);
  };
  await assert.rejects(
    files.extract("/full", endless(), { keepsKinds: false }, never),
    fails("INVALID_ARGUMENT", /^write \/full\/x: no space left on device$/),
  );
  await assert.rejects(
    files.extract("/nope", endless(), { keepsKinds: false }, never),
    (error: { isMissing?: boolean }) => error.isMissing === true,
  );
});

test("a sender that fails, and a client that has had enough, end the task", async () => {
  const agent = await FakeFileAgent.start({
    "extract /a ": { code: undefined },
    "layer freeze": { code: undefined },
  });
  const files = new GuestFiles(agent);
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from("x");
    throw new Error("the sender broke");
  };
  await assert.rejects(files.extract("/a", broken(), { keepsKinds: false }, never), /the sender broke/);
  await agent.closed();
  const controller = new AbortController();
  const layer = files.layer({ freezes: true }, controller.signal);
  const next = layer.next();
  setImmediate(() => controller.abort(new Error("enough")));
  await assert.rejects(next, /enough/);
  await agent.closed();
});
