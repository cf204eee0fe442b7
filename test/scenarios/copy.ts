import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runTool } from "../support/host.ts";
import { inLab } from "../support/paths.ts";
import type { Suite } from "./suite.ts";

export function copyScenarios(get: () => Suite): void {
  test("cp: out of a VM, running or not, and never out of the destination", async () => {
    const { mocker, images } = get();
    const folder = join(mocker.dir, "copied");
    mkdirSync(folder);
    writeFileSync(join(folder, "victim"), "untouched");
    const script =
      "mkdir -p /new/d; echo hi >/new/d/f; ln /new/d/f /new/hard; ln -s d/f /new/soft; ln -s /new /link; " +
      "ln -s ../../../../victim /new/escape; echo done; exec sleep 1000";
    await mocker.ok(["run", "-d", "--name", "source", images.busybox, "sh", "-c", script]);
    await mocker.until(["logs", "source"], /done/);
    const look = async (name: string): Promise<void> => {
      const target = join(folder, name);
      await mocker.ok(["cp", "source:/new", target]);
      assert.deepEqual(readdirSync(target).sort(), ["d", "escape", "hard", "soft"]);
      assert.equal(readFileSync(join(target, "hard"), "utf8"), "hi\n");
      assert.equal(readlinkSync(join(target, "soft")), "d/f");
      // Out of a stopped VM each takes the start of a machine, for which the lab has not the time.
      const isDear = inLab && name === "stopped";
      if (!isDear) {
        await mocker.ok(["cp", "source:link/.", join(folder, `${name}-contents`)]);
        assert.ok(existsSync(join(folder, `${name}-contents`, "d", "f")));
        await mocker.ok(["cp", "source:/new/soft", join(folder, `${name}-soft`)]);
        assert.equal(readlinkSync(join(folder, `${name}-soft`)), "d/f");
      }
      await mocker.ok(["cp", "-L", "source:/new/soft", join(folder, `${name}-file`)]);
      assert.equal(readFileSync(join(folder, `${name}-file`), "utf8"), "hi\n");
      for (const path of isDear ? ["/new/nope"] : ["/nope", "/new/nope", "/new/d/f/", "/new/escape/"]) {
        const { code, stderr } = await mocker.run(["cp", `source:${path}`, folder]);
        assert.equal(code, 1, path);
        assert.match(
          stderr,
          new RegExp(`^mocker: Could not find the file ${path} in (container|image) source$`, "m"),
        );
      }
      const { stdout } = await mocker.run(["container", "cp", "source:/new/d", "-"]);
      const archive = join(folder, `${name}.tar`);
      writeFileSync(archive, stdout);
      assert.equal(await runTool("tar", ["-tf", archive]), "d/\nd/f\n");
    };
    await look("running");
    await mocker.ok(["stop", "-t", "0", "source"]);
    await look("stopped");
    assert.equal(readFileSync(join(folder, "victim"), "utf8"), "untouched");
    await mocker.ok(["rm", "source"]);
  });
}

/** What no runtime has a part in. */
export function imageCopyScenarios(get: () => Suite): void {
  test("cp: out of an image, by any of its names, without a VM; a VM of the name wins", async () => {
    const { mocker, images } = get();
    const folder = join(mocker.dir, "copied-image");
    mkdirSync(folder);
    await mocker.ok(["tag", images.debian, "dist:12"]);
    const before = await mocker.ok(["ps", "-aq"]);
    const release = await mocker.ok(["run", "--rm", images.debian, "cat", "/etc/os-release"]);
    await mocker.ok(["cp", "-L", "dist:12:/etc/os-release", join(folder, "release")]);
    assert.equal(readFileSync(join(folder, "release"), "utf8"), release);
    await mocker.ok(["cp", `${images.debian}:/usr/lib/os-release`, folder]);
    assert.equal(readFileSync(join(folder, "os-release"), "utf8"), release);
    const id = (await mocker.ok(["images", "-q", "dist:12"])).slice(0, 12);
    await mocker.ok(["cp", `${id}:etc/dpkg/.`, join(folder, "dpkg")]);
    assert.ok(existsSync(join(folder, "dpkg", "dpkg.cfg")));
    assert.equal(await mocker.ok(["ps", "-aq"]), before);
    const missing = await mocker.run(["cp", "dist:12:/nope", folder]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^mocker: Could not find the file \/nope in image dist:12$/m);
    const unknown = await mocker.run(["cp", "dist:13:/etc", folder]);
    assert.match(unknown.stderr, /^mocker: No such container: dist:13$/m);

    await mocker.ok(["tag", images.debian, "twice"]);
    await mocker.ok(["create", "--name", "twice", images.busybox, "true"]);
    const both = await mocker.run(["cp", "twice:/etc/dpkg", folder]);
    assert.equal(both.code, 1, "the VM's image has none");
    await mocker.ok(["cp", "twice:latest:/etc/dpkg", folder]);
    await mocker.ok(["rm", "twice"]);
    await mocker.ok(["rmi", "twice", "dist:12"]);
  });
}
