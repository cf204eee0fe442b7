import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { isRecord } from "../../engine/protocol/params/schema.ts";
import { FrameType, frameHeader } from "../../engine/protocol/stream.ts";
import { makeTar } from "../fixtures/made-image.ts";
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

/** What a client of Docker's API does with one container's streams and files. */
export function dockerApiScenarios(get: () => Suite): void {
  test("Docker's API: a file into a container before its start, an attachment, an exec, a file out of it", async () => {
    const { mocker, images } = get();
    const info: unknown = JSON.parse(await mocker.ok(["info", "--format", "{{json .}}"]));
    assert.ok(isRecord(info));
    const api = new DockerApi(String(info.dockerSocket));
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
