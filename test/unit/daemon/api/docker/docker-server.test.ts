import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { DockerServer } from "../../../../../engine/daemon/api/docker/docker-server.ts";
import { Router } from "../../../../../engine/daemon/api/docker/router.ts";
import { Log } from "../../../../../engine/daemon/log.ts";
import { MockerError } from "../../../../../engine/protocol/errors.ts";
import { retry } from "../../../../support/retry.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const servers: DockerServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.withdraw();
});

interface Served {
  path: string;
  /** Connections that are open. */
  held(): number;
}

async function serve(add: (router: Router) => void): Promise<Served> {
  const directory = tmpDir();
  const router = new Router();
  add(router);
  let held = 0;
  const server = new DockerServer({
    socketPath: join(directory, "docker.sock"),
    router,
    version: "1.2.3",
    log: new Log(join(directory, "engine.log"), "error"),
    hold() {
      held++;
      return () => held--;
    },
  });
  await server.listen();
  servers.push(server);
  return { path: server.path, held: () => held };
}

interface Answer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  body: string;
}

async function ask(socketPath: string, method: string, path: string, body = ""): Promise<Answer> {
  const request = httpRequest({ socketPath, method, path, agent: false });
  request.end(body);
  const [response] = await once(request, "response");
  // Of what is still written when the answer is there.
  request.on("error", () => undefined);
  return { status: response.statusCode, headers: response.headers, body: await textOf(response) };
}

/** What a server says to these bytes until it closes. */
async function exchange(path: string, ...parts: string[]): Promise<string> {
  const socket = connect(path);
  for (const part of parts) {
    socket.write(part);
    await sleep(5);
  }
  socket.end();
  return await textOf(socket);
}

const json = (answer: Answer): unknown => JSON.parse(answer.body);

test("a path is served for every version there is, and for none; others are told which there are", async () => {
  const { path } = await serve((router) =>
    router.add("GET", "/x/{id}", (request, response) =>
      response.json({ id: request.param("id"), minor: request.minor }),
    ),
  );
  for (const [url, minor] of [
    ["/x/a", 52],
    ["/v1.24/x/a", 24],
    ["/v1.45/x/a?q=1", 45],
  ] as const) {
    const answer = await ask(path, "GET", url);
    assert.deepEqual([answer.status, json(answer)], [200, { id: "a", minor }]);
    assert.equal(answer.headers["api-version"], "1.52");
    assert.equal(answer.headers.server, "Mocker/1.2.3 (linux)");
  }
  for (const [url, message] of [
    ["/v1.60/x/a", "client version 1.60 is too new. Maximum supported API version is 1.52"],
    [
      "/v1.12/x/a",
      "client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version",
    ],
  ]) {
    const answer = await ask(path, "GET", url as string);
    assert.deepEqual([answer.status, json(answer)], [400, { message }]);
  }
  for (const [method, url] of [
    ["GET", "/y"],
    ["POST", "/x/a"],
    ["GET", "/x"],
    ["GET", "//x/a"],
  ] as const) {
    const answer = await ask(path, method, url);
    assert.deepEqual([answer.status, json(answer)], [404, { message: "page not found" }]);
  }
});

test("names have slashes, colons and escapes in them", async () => {
  const { path } = await serve((router) => {
    router.add("GET", "/images/{name*}/json", (request, response) => response.json(request.param("name")));
    router.add("DELETE", "/images/{name*}", (request, response) => response.json(request.param("name")));
  });
  assert.equal(json(await ask(path, "GET", "/images/127.0.0.1:5000/a/b:1/json")), "127.0.0.1:5000/a/b:1");
  assert.equal(json(await ask(path, "GET", "/images/a%2Fb%3A1/json")), "a/b:1");
  assert.equal(json(await ask(path, "DELETE", "/images/a/b@sha256:00")), "a/b@sha256:00");
  const answer = await ask(path, "GET", "/images/%zz/json");
  assert.deepEqual([answer.status, json(answer)], [400, { message: "invalid URL escape" }]);
});

test("an error has dockerd's status, and a message alone", async () => {
  const { path } = await serve((router) => {
    router.add("GET", "/no", () => {
      throw new MockerError("VM_NOT_FOUND", "No such container: x", { hint: "Look." });
    });
    router.add("GET", "/bug", () => {
      throw new TypeError("x is not a function");
    });
  });
  const no = await ask(path, "GET", "/no");
  assert.deepEqual([no.status, no.body], [404, '{"message":"No such container: x"}\n']);
  assert.equal((await ask(path, "GET", "/bug")).status, 500);
  const head = await ask(path, "HEAD", "/no");
  assert.deepEqual([head.status, head.body], [404, ""]);
});

test("a body is an object of JSON, or nothing, and no longer than it may be", async () => {
  const { path } = await serve((router) =>
    router.add("POST", "/x", async (request, response) => {
      response.json(await request.json(v.object({ a: v.optional(v.string()) })));
    }),
  );
  assert.deepEqual(json(await ask(path, "POST", "/x", '{"a":"1","b":2}')), { a: "1" });
  assert.deepEqual(json(await ask(path, "POST", "/x")), {});
  assert.deepEqual(json(await ask(path, "POST", "/x", "null")), {});
  for (const wrong of ["{", "[]", "1", '{"a":1}', `{"a":"${"x".repeat(5 << 20)}"}`]) {
    const answer = await ask(path, "POST", "/x", wrong).catch((error) => error.code);
    if (typeof answer === "string") assert.match(answer, /EPIPE|ECONNRESET/);
    else assert.equal(answer.status, 400);
  }
});

test("a request to upgrade has its body, and what follows is the connection's", async () => {
  const { path, held } = await serve((router) =>
    router.add("POST", "/x", async (request, response) => {
      const body = await request.json(v.object({ a: v.string() }));
      response.json(body);
    }),
  );
  const head = (length: number) =>
    `POST /x HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: ${length}\r\n\r\n`;
  const body = '{"a":"1"}';
  for (const parts of [
    [`${head(9)}${body}`],
    [head(9), body],
    [`${head(9)}{"a"`, `:"1"}`],
    [`${head(9)}${body}more`],
  ]) {
    const said = await exchange(path, ...parts);
    assert.match(said, /^HTTP\/1\.1 200 OK\r\n/);
    assert.ok(said.endsWith('{"a":"1"}\n'), said);
  }
  assert.match(await exchange(path, `${head(9)}{"a"`), /^HTTP\/1\.1 400 .*unexpected EOF/s);
  await retry(() => held() === 0, { what: "no connection is left" });
});

test("a client that goes away is noticed, and one that sends nonsense is told so", async () => {
  let aborted = false;
  const { path, held } = await serve((router) =>
    router.add("GET", "/wait", async (request, response) => {
      response.begin("application/json");
      request.signal.addEventListener("abort", () => {
        aborted = true;
      });
    }),
  );
  const socket: Socket = connect(path);
  socket.write("GET /wait HTTP/1.1\r\nHost: d\r\n\r\n");
  await once(socket, "data");
  socket.destroy();
  await retry(() => aborted && held() === 0, { what: "the client's end" });
  assert.match(await exchange(path, "\x16\x03\x01nonsense\r\n\r\n"), /^HTTP\/1\.1 400 /);
  await retry(() => held() === 0, { what: "no connection is left" });
});

test("requests cut at any byte leave nothing behind", async () => {
  const { path, held } = await serve((router) =>
    router.add("POST", "/x", async (request, response) => {
      response.json(await request.json(v.object({})));
    }),
  );
  const request = "POST /v1.45/x?a=1 HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}";
  for (let length = 1; length < request.length; length++) {
    const socket = connect(path);
    socket.on("error", () => undefined);
    socket.write(request.slice(0, length), () => socket.destroy());
  }
  await retry(() => held() === 0, { what: "no connection is left" });
  assert.equal((await ask(path, "POST", "/x")).status, 200);
});

/** Writes back what a client sends on a connection that it has taken over, and ends with its input. */
class Echo {
  constructor(socket: Socket) {
    socket.on("data", (chunk) => socket.write(chunk));
    // Later than node:http would end it.
    socket.on("end", () => setImmediate(() => socket.end(".")));
  }

  fail(): void {}
}

const echo = (router: Router): void =>
  router.add("POST", "/x", async (request, response) => {
    await request.skipBody();
    response.hijack("HTTP/1.1 200 OK\r\n\r\n", (socket) => new Echo(socket));
  });

test("a connection that is taken over is its new owner's, whether an upgrade was asked for or not", async () => {
  const { path, held } = await serve(echo);
  const looksLikeMore = "POST /x HTTP/1.1\r\nHost: d\r\n\r\n";
  for (const upgrade of ["", "Connection: Upgrade\r\nUpgrade: tcp\r\n"]) {
    for (const body of ["\r\n", "Content-Length: 2\r\n\r\n{}"]) {
      const socket = connect({ path, allowHalfOpen: true });
      socket.write(`POST /x HTTP/1.1\r\nHost: d\r\n${upgrade}${body}`);
      const [head] = await once(socket, "data");
      assert.equal(String(head), "HTTP/1.1 200 OK\r\n\r\n");
      socket.write("raw\0");
      socket.end(looksLikeMore);
      assert.equal(await textOf(socket), `raw\0${looksLikeMore}.`);
    }
  }
  await retry(() => held() === 0, { what: "no connection is left" });
});

test("a connection that is taken over and cut at any byte leaves nothing behind", async () => {
  const { path, held } = await serve(echo);
  const head =
    "POST /x HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n";
  const request = `${head}{}input`;
  for (let length = head.length - 4; length <= request.length; length++) {
    const socket = connect(path);
    socket.on("error", () => undefined);
    socket.write(request.slice(0, length), () => socket.destroy());
  }
  await retry(() => held() === 0, { what: "no connection is left" });
});
