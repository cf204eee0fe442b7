import assert from "node:assert/strict";
import { test } from "node:test";
import { Copies } from "../../../../engine/daemon/system/copies.ts";
import { GuestFiles } from "../../../../engine/daemon/vms/guest-files/guest-files.ts";
import { Attachment } from "../../../../engine/daemon/vms/machine/attachment.ts";
import type { CopyPath } from "../../../../engine/daemon/vms/machine/copy-path.ts";
import { MockerError } from "../../../../engine/protocol/errors.ts";
import { makeTar } from "../../../fixtures/made-image.ts";
import { fails } from "../../../support/fails-with.ts";
import { FakeFileAgent, type TaskAnswer } from "../vms/machine/fake-file-agent.ts";

/** Copies whose VMs note what they are asked for, and whose images fail with `code` when they are read. */
function copies(code?: string): { subject: Copies; asked: CopyPath[] } {
  const asked: CopyPath[] = [];
  const vms = {
    async copy({ copy }: { vm: string; copy: CopyPath }): Promise<Attachment> {
      asked.push(copy);
      const attachment = new Attachment();
      attachment.close();
      return attachment;
    },
    useFiles: <T>(): Promise<T> => Promise.reject(new Error("nothing is put into a VM here")),
    publish: (): void => undefined,
  };
  const images = {
    async archive(
      _: string,
      path: string,
      name: string,
      followLink: boolean,
    ): Promise<AsyncGenerator<Buffer>> {
      asked.push({ path, name, followLink });
      return (async function* () {
        yield Buffer.from("tar");
        if (code !== undefined) throw Object.assign(new Error("failed"), { code });
      })();
    },
  };
  return { subject: new Copies(vms, images), asked };
}

for (const [given, path, name] of [
  ["/etc/passwd", "/etc/passwd", "passwd"],
  ["etc/../etc//passwd", "/etc/passwd", "passwd"],
  ["../../etc", "/etc", "etc"],
  ["/etc/", "/etc/", "etc"],
  ["/etc/.", "/etc/", "."],
  ["/", "/", "."],
  [".", "/", "."],
  ["", "/", "."],
] as const) {
  test(`${JSON.stringify(given)} is ${path}, called ${name}, in VMs and images`, async () => {
    const { subject, asked } = copies();
    await subject.fromVm("a", given, true);
    await subject.fromImage("a", given, false);
    assert.deepEqual(asked, [
      { path, name, followLink: true },
      { path, name, followLink: false },
    ]);
  });
}

for (const [code, message] of [
  ["ENOENT", "Could not find the file /a/b in image alpine"],
  ["ENOTDIR", "alpine:/a/b: not a directory"],
  ["ELOOP", "alpine:/a/b: too many levels of symbolic links"],
] as const) {
  test(`a path in an image that ends in ${code} is told in Docker's words`, async () => {
    const chunks = await copies(code).subject.fromImage("alpine", "/a/b", false);
    const read = async (): Promise<void> => {
      for await (const chunk of chunks) assert.equal(String(chunk), "tar");
    };
    await assert.rejects(read, (error) => {
      assert.ok(error instanceof MockerError);
      assert.equal(error.code, "INVALID_ARGUMENT");
      return error.message === message;
    });
  });
}

/** Copies into a VM whose agent answers so. */
async function into(
  answers: Record<string, TaskAnswer>,
): Promise<{ subject: Copies; agent: FakeFileAgent; published: string[] }> {
  const agent = await FakeFileAgent.start(answers);
  const published: string[] = [];
  const files = new GuestFiles(agent);
  const vms = {
    copy: () => Promise.reject(new Error("nothing is copied out of a VM here")),
    useFiles: <T>(_: object, use: (files: GuestFiles, config: { id: string; user: string }) => Promise<T>) =>
      use(files, { id: "abc", user: "" }),
    publish: (id: string, action: string): void => void published.push(`${id} ${action}`),
  };
  const images = { archive: () => Promise.reject(new Error("no image is asked for")) };
  return { subject: new Copies(vms, images), agent, published };
}

const nothing: TaskAnswer = { err: "no such file or directory\n", code: 2 };
const directory: TaskAnswer = { out: `${0o40755} 4096 1 0\0` };
const never = new AbortController().signal;

async function* archiveOf(name: string): AsyncGenerator<Buffer> {
  yield await makeTar([{ name, content: "x" }]);
}

const file = { name: "f", isDirectory: false };

test("what is put into a VM goes where the agent says that a link leads, under the name that it gets there", async () => {
  const { subject, agent, published } = await into({
    "stat /link": { out: `${0o120777} 5 1 0\0/real/name` },
    "stat /real/name": nothing,
    "extract /real keep-kinds": {},
  });
  const path = await subject.intoVm({ vm: "a", path: "link", source: file }, archiveOf("f"), never);
  assert.equal(path, "/real/name");
  assert.equal(agent.input.slice(0, 5), "name\0");
  assert.deepEqual(published, ["abc extract-to-dir"]);
});

test("a tar goes into a directory as it is", async () => {
  const { subject, agent } = await into({ "stat /data": directory, "extract /data keep-kinds": {} });
  await subject.intoVm({ vm: "a", path: "/data" }, archiveOf("any/name"), never);
  assert.equal(agent.input.slice(0, 9), "any/name\0");
});

for (const [what, path, source, answers, message] of [
  [
    "a directory that is missing",
    "/no/x",
    file,
    { "stat /no/x": nothing, "extract /no keep-kinds": { ...nothing, early: true } },
    /^Could not find the file \/no in container a$/,
  ],
  [
    "a device",
    "/dev/x",
    file,
    { "stat /dev/x": { out: `${0o20666} 0 1 0\0` } },
    /^destination "a:\/dev\/x" must be a directory or a regular file: got a device$/,
  ],
  [
    "a file, for a tar",
    "/f",
    undefined,
    { "stat /f": { out: `${0o100644} 0 1 0\0` } },
    /^destination "a:\/f" must be a directory$/,
  ],
  ["nothing, for a tar", "", undefined, {}, /^destination "a:" must be a directory$/],
] as const) {
  test(`a destination that is ${what} is refused in Docker's words`, async () => {
    const { subject, published } = await into(answers);
    await assert.rejects(
      subject.intoVm({ vm: "a", path, source }, archiveOf("f"), never),
      fails("INVALID_ARGUMENT", message),
    );
    assert.deepEqual(published, []);
  });
}
