import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { RunResult } from "../support/mocker.ts";
import { RunningProcess } from "../support/running-process.ts";
import type { Suite } from "./suite.ts";

export function dockerSocketScenarios(get: () => Suite): void {
  test("Docker's own command line runs, watches and changes VMs through docker.sock", async () => {
    const { mocker, images } = get();
    const env = mocker.environment({ DOCKER_HOST: `unix://${join(mocker.runDir, "docker.sock")}` });
    const docker = async (args: string[], input = ""): Promise<RunResult> => {
      const child = spawn("docker", args, { cwd: mocker.dir, env, stdio: ["pipe", "pipe", "pipe"] });
      const running = new RunningProcess(child, `docker ${args.join(" ")}`);
      running.stdin.end(input);
      return await running.exited;
    };
    const ok = async (args: string[], input?: string): Promise<string> => {
      const { code, stdout, stderr } = await docker(args, input);
      assert.equal(code, 0, `docker ${args.join(" ")}: ${stderr}`);
      return stdout.toString();
    };

    const script = "echo out; echo err >&2; cat; exit 3";
    const ended = await docker(["run", "--rm", "-i", images.busybox, "sh", "-c", script], "in\n");
    assert.equal(ended.code, 3, ended.stderr);
    assert.equal(ended.stdout.toString(), "out\nin\n");
    assert.match(ended.stderr, /^err$/m);
    assert.equal((await docker(["run", "--rm", images.busybox, "nosuch"])).code, 127);

    const server = "echo page > /page; httpd -p 80 -h / && echo ready; exec sleep 1000";
    const options = ["--name", "served", "-p", "127.0.0.1::80", "-e", "A=1", "--stop-timeout", "0"];
    await ok(["run", "-d", ...options, images.busybox, "sh", "-c", server]);
    await mocker.until(["logs", "served"], /ready/);
    const address = (await ok(["port", "served", "80"])).trim();
    assert.equal(await (await fetch(`http://${address}/page`)).text(), "page\n");
    assert.equal(
      await ok(["ps", "--format", "{{.Names}} {{.State}}", "--filter", "name=served"]),
      "served running\n",
    );
    assert.equal(await ok(["logs", "served"]), "ready\n");

    const execed = await docker(["exec", "-i", "served", "sh", "-c", 'echo "$A"; cat; exit 7'], "through\n");
    assert.deepEqual([execed.code, execed.stdout.toString()], [7, "1\nthrough\n"]);
    writeFileSync(join(mocker.dir, "given"), "given\n");
    await ok(["cp", "given", "served:/etc/given"]);
    assert.equal(await (await fetch(`http://${address}/etc/given`)).text(), "given\n");
    await ok(["cp", "served:/page", "taken"]);
    assert.equal(readFileSync(join(mocker.dir, "taken"), "utf8"), "page\n");
    assert.match(await ok(["top", "served", "-o", "pid,comm"]), /httpd/);
    assert.match(await ok(["stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}"]), /^served [1-9]\d*$/m);

    await ok(["restart", "served"]);
    await ok(["pause", "served"]);
    assert.equal(await ok(["inspect", "-f", "{{.State.Status}}", "served"]), "paused\n");
    await ok(["unpause", "served"]);
    await ok(["stop", "served"]);
    assert.match(await ok(["wait", "served"]), /^1(37|43)\n$/);
    assert.match(await ok(["diff", "served"]), /^A \/etc\/given$/m);
    assert.match(await ok(["commit", "served", "made-by-docker"]), /^sha256:[0-9a-f]{64}\n$/);
    assert.equal(await ok(["run", "--rm", "made-by-docker", "cat", "/etc/given"]), "given\n");
    await ok(["rm", "served"]);
    await ok(["rmi", "made-by-docker"]);
  });
}
