import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { isRecord } from "../../engine/protocol/params/schema.ts";
import { FrameType, frameHeader } from "../../engine/protocol/stream.ts";
import { makeTar } from "../fixtures/made-image.ts";
import type { RunResult } from "../support/mocker.ts";
import { RunningProcess } from "../support/running-process.ts";
import type { Suite } from "./suite.ts";

/** A client of Docker's API, without anything of ours. */
class DockerApi {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** The answer's body; throws for a status that says of failure. */
  async ask(method: string, path: string, body?: object | Buffer): Promise<Buffer> {
    const content = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const headers = { "Content-Type": Buffer.isBuffer(body) ? "application/x-tar" : "application/json" };
    const sent = request({ socketPath: this.#socketPath, method, path, headers, agent: false });
    sent.end(content);
    const [answer] = await once(sent, "response");
    const text = await buffer(answer);
    assert.ok(answer.statusCode < 300, `${method} ${path}: ${answer.statusCode} ${text}`);
    return text;
  }

  async json(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const parsed: unknown = JSON.parse((await this.ask(method, path, body)).toString());
    assert.ok(isRecord(parsed));
    return parsed;
  }

  /** A connection that is a stream behind the answer. */
  async stream(path: string, body = ""): Promise<Socket> {
    const socket = connect({ path: this.#socketPath, allowHalfOpen: true });
    const head = ["Host: docker", "Connection: Upgrade", "Upgrade: tcp", `Content-Length: ${body.length}`];
    socket.write(`POST ${path} HTTP/1.1\r\n${head.join("\r\n")}\r\n\r\n${body}`);
    const [answer] = await once(socket, "data");
    socket.pause();
    assert.match(String(answer), /^HTTP\/1\.1 101 UPGRADED\r\n.*\r\n\r\n$/s);
    return socket;
  }
}

function frame(type: FrameType, text: string): Buffer {
  return Buffer.concat([frameHeader(type, text.length), Buffer.from(text)]);
}

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

  test("Docker's API: a file into a container before its start, an attachment, an exec, a file out of it", async () => {
    const { mocker, images } = get();
    const api = new DockerApi(join(mocker.runDir, "docker.sock"));
    const { Id: id } = await api.json("POST", "/v1.45/containers/create?name=by-api", {
      Image: images.busybox,
      Cmd: ["sh", "-c", "read line; cat /tmp/file; echo $line >&2; exit 3"],
      OpenStdin: true,
      StdinOnce: true,
    });
    const archive = await makeTar([{ name: "file", content: "from the host\n" }]);
    await api.ask("PUT", `/containers/${id}/archive?path=/tmp`, archive);
    const attached = await api.stream(`/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`);
    await api.ask("POST", `/containers/${id}/start`);

    const exec = await api.json("POST", `/containers/${id}/exec`, {
      Cmd: ["sh", "-c", "cat > /tmp/made; echo done; exit 4"],
      AttachStdin: true,
      AttachStdout: true,
    });
    const stream = await api.stream(`/exec/${exec.Id}/start`, '{"Detach":false,"Tty":false}');
    stream.end("by an exec");
    assert.deepEqual(await buffer(stream), frame(FrameType.stdout, "done\n"));
    const { ExitCode } = await api.json("GET", `/exec/${exec.Id}/json`);
    assert.equal(ExitCode, 4);
    const made = await api.ask("GET", `/containers/${id}/archive?path=/tmp/made`);
    assert.ok(made.includes("by an exec\0"));

    attached.end("a line\n");
    const said = await buffer(attached);
    const out = frame(FrameType.stdout, "from the host\n");
    const err = frame(FrameType.stderr, "a line\n");
    assert.ok(
      [Buffer.concat([out, err]), Buffer.concat([err, out])].some((whole) => whole.equals(said)),
      String(said),
    );
    assert.deepEqual(await api.json("POST", `/containers/${id}/wait`), { StatusCode: 3 });
    await api.ask("DELETE", `/containers/${id}`);
  });
}
