import assert from "node:assert/strict";
import { test } from "node:test";
import { Copies } from "../../../../engine/daemon/system/copies.ts";
import { Attachment } from "../../../../engine/daemon/vms/machine/attachment.ts";
import type { CopyPath } from "../../../../engine/daemon/vms/machine/copy-path.ts";
import { MockerError } from "../../../../engine/protocol/errors.ts";

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
