import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Suite } from "./suite.ts";

export function volumeScenarios(get: () => Suite): void {
  test("a volume is written from both sides, :ro refuses", async () => {
    const { mocker, images } = get();
    const folder = join(mocker.dir, "volume");
    mkdirSync(folder);
    writeFileSync(join(folder, "from-host"), "host\n");
    const both = await mocker.run([
      "run",
      "--rm",
      "-v",
      `${folder}:/data`,
      images.busybox,
      "sh",
      "-c",
      "cat /data/from-host; echo guest > /data/from-guest",
    ]);
    assert.equal(both.stdout.toString(), "host\n", both.stderr);
    assert.equal(readFileSync(join(folder, "from-guest"), "utf8"), "guest\n");

    const refused = await mocker.run([
      "run",
      "--rm",
      "-v",
      `${folder}:/data:ro`,
      images.busybox,
      "sh",
      "-c",
      "cat /data/from-guest; echo no > /data/from-host",
    ]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stdout.toString(), /^guest$/m);
    assert.match(refused.stderr, /Read-only file system/);
    assert.equal(readFileSync(join(folder, "from-host"), "utf8"), "host\n");
  });

  test("a tmpfs has the size that was asked for", async () => {
    const { mocker, images } = get();
    const { stdout, stderr } = await mocker.run([
      ...["run", "--rm", "--mount", "type=tmpfs,dst=/scratch,tmpfs-size=1m", images.busybox],
      ...["sh", "-c", "grep ' /scratch ' /proc/mounts; head -c 2000000 /dev/zero > /scratch/x || echo full"],
    ]);
    assert.match(stdout.toString(), /^\S+ \/scratch tmpfs .*\bsize=1024k\b/, stderr);
    assert.match(stdout.toString(), /^full$/m);
  });
}
