import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runTool } from "../support/host.ts";
import { retry } from "../support/retry.ts";
import type { Suite } from "./suite.ts";

export function exportScenarios(get: () => Suite): void {
  test("export: a VM's file system, running or not, with what it changed and without what is mounted", async () => {
    const { mocker, images } = get();
    const volume = join(mocker.dir, "exported-volume");
    mkdirSync(volume);
    writeFileSync(join(volume, "secret"), "x");
    const change =
      "mkdir -p /new/empty; echo hi >/new/file; chmod 4750 /new/file; ln /new/file /new/hard; ln -s ../etc /new/soft; " +
      "mkfifo /new/fifo; rm /etc/group; touch -d @1000000000 /new/empty; " +
      `head -c 3000000 /dev/zero >/new/zeros; echo x >/new/${"n".repeat(150)}`;
    const script = `${change}; echo done; exec sleep 1000`;
    await mocker.ok([
      "run",
      "-d",
      "--name",
      "exported",
      "-v",
      `${volume}:/data`,
      images.busybox,
      "sh",
      "-c",
      script,
    ]);
    await mocker.until(["logs", "exported"], /done/);
    const running = join(mocker.dir, "running.tar");
    const stopped = join(mocker.dir, "stopped.tar");
    await mocker.ok(["export", "-o", running, "exported"]);
    await mocker.ok(["stop", "-t", "0", "exported"]);
    writeFileSync(stopped, (await mocker.run(["container", "export", "exported"])).stdout);
    for (const file of [running, stopped]) {
      const env = { ...process.env, TZ: "UTC", LC_ALL: "C" };
      const listing = await runTool("tar", ["--numeric-owner", "-tvf", file], { env });
      for (const wanted of [
        /^-rwsr-x--- 0\/0 +3 .* new\/file$/m,
        /^hrwsr-x--- .* new\/hard link to new\/file$/m,
        /^lrwxrwxrwx .* new\/soft -> \.\.\/etc$/m,
        /^prw-r--r-- .* new\/fifo$/m,
        /^drwxr-xr-x .* 2001-09-09 01:46 new\/empty\/$/m,
        /^-rw-r--r-- .* 3000000 .* new\/zeros$/m,
        /new\/n{150}$/m,
        /^h.* bin\/ls link to bin\//m,
        /^d.* data\/$/m,
        /^d.* proc\/$/m,
      ])
        assert.match(listing, wanted, file);
      assert.doesNotMatch(listing, /etc\/group$|secret|proc\/1/m);
    }
    const scratch = (): string[] =>
      readdirSync(join(mocker.dataDir, "state")).filter((name) => name.startsWith("."));
    await retry(() => scratch().length === 0, { what: "the end of the machine that wrote it" });
    await mocker.ok(["rm", "exported"]);

    // It comes back as an image.
    await mocker.ok(["import", "-c", 'CMD ["cat","/new/file"]', stopped, "again"]);
    assert.equal(await mocker.ok(["run", "--rm", "again"]), "hi\n");
    await mocker.ok(["rmi", "again"]);
    const created = (await mocker.ok(["create", images.busybox, "true"])).trim();
    const { stdout } = await mocker.run(["export", created]);
    assert.ok(
      stdout.includes("bin/busybox") || stdout.includes("bin/["),
      "a VM that never ran has its image's files",
    );
    await mocker.ok(["rm", created]);
    const absent = await mocker.run(["export", "nope"]);
    assert.equal(absent.code, 1);
    assert.match(absent.stderr, /No such container: nope/);
  });
}
