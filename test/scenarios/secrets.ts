import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Suite } from "./suite.ts";

/** What is the images' and the VMs' own. */
const notMockers = ["images", "upper", "work", "disk.ext4"];

/** Files of Mocker's below a directory that hold a text. */
function filesWith(dir: string, text: string): string[] {
  const found = [];
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (notMockers.includes(entry.name)) continue;
    if (entry.isDirectory()) found.push(...filesWith(path, text));
    else if (entry.isFile() && readFileSync(path, "latin1").includes(text)) found.push(path);
  }
  return found;
}

export function secretScenarios(get: () => Suite): void {
  test("a secret reaches the workload and its execs, and no record, answer, log or argument", async () => {
    const { mocker, images } = get();
    const value = `s3cret-${randomBytes(8).toString("hex")}`;
    const file = join(mocker.dir, "key");
    writeFileSync(file, `${value}-file\n`);
    const env = { TOKEN: value };
    const script = 'echo "$TOKEN $KEY" | wc -c; exec sleep 1000';
    const flags = ["--secret-env", "TOKEN", "--secret-env", `KEY,src=${file}`];
    await mocker.ok(["run", "-d", "--name", "keeper", ...flags, images.busybox, "sh", "-c", script], { env });
    const has = `${`${value} ${value}-file\n`.length}\n`;
    assert.equal(await mocker.until(["logs", "keeper"], /\n/), has);
    const say = ["exec", "keeper", "sh", "-c", 'echo "$TOKEN $KEY"'];
    assert.equal(await mocker.ok(say), `${value} ${value}-file\n`);

    const answers = [["inspect", "keeper"], ["ps", "-a", "--no-trunc", "--format", "json"], ["info"]];
    for (const args of answers) assert.ok(!(await mocker.ok(args)).includes(value), args.join(" "));
    assert.match(
      await mocker.ok(["inspect", "-f", "{{json .Config.Env}}", "keeper"]),
      /"TOKEN=(<|\\u003c)secret(>|\\u003e)"/,
    );
    assert.deepEqual([...filesWith(mocker.dataDir, value), ...filesWith(mocker.runDir, value)], []);
    for (const pid of mocker.processes()) {
      let words = "";
      try {
        words = readFileSync(`/proc/${pid}/cmdline`, "latin1");
      } catch {
        // It has ended meanwhile.
      }
      assert.ok(!words.includes(value), words);
    }

    // The next engine does not know the value: it is asked for again.
    const pid = await mocker.enginePid();
    process.kill(pid, "SIGKILL");
    await mocker.waitForProcessEnd(pid);
    const exec = await mocker.run(say);
    assert.equal(exec.stdout.toString(), ` ${value}-file\n`);
    assert.match(exec.stderr, /WARNING: this process has no TOKEN/);
    await mocker.ok(["kill", "keeper"]);
    const refused = await mocker.run(["start", "keeper"]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /cannot start container keeper: its secret TOKEN has no value\nhint: .*export TOKEN/,
    );
    await mocker.ok(["start", "keeper"], { env });
    await mocker.until(["logs", "keeper"], (text) => text === has + has);
    await mocker.ok(["rm", "-f", "keeper"]);
  });
}
