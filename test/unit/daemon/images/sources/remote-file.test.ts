import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, createServer as createNetServer } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { defaultSettings } from "../../../../../engine/daemon/images/registry/registry-settings.ts";
import { remoteFile } from "../../../../../engine/daemon/images/sources/remote-file.ts";
import { MockerError } from "../../../../../engine/protocol/errors.ts";
import { startProxy } from "../../../../support/proxy.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

interface Server {
  host: string;
  seen: IncomingMessage[];
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const direct = { ...defaultSettings, proxies: { http: "", https: "", no: "" } };

const read = async (url: string, proxy?: string): Promise<string> => {
  const settings = {
    ...defaultSettings,
    proxies: { http: proxy ?? "", https: proxy ?? "", no: "direct.test" },
  };
  const chunks: Buffer[] = [];
  for await (const chunk of remoteFile(url, { settings }, new AbortController().signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

const fails = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof MockerError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

test("a file comes through the proxy of the settings, by way of redirects", async () => {
  const server = await serve((request, response) => {
    if (request.url === "/moved") response.writeHead(302, { location: "http://other.test/there" });
    response.end(request.url === "/moved" ? "" : "contents");
  });
  const proxy = await startProxy(server.host, "me:secret");
  const login = proxy.url.replace("//", "//me:secret@");
  assert.equal(await read("http://files.test/moved", login), "contents");
  assert.deepEqual(proxy.seen, ["GET http://files.test/moved", "GET http://other.test/there"]);
  await assert.rejects(read("http://files.test/x", proxy.url), fails("REGISTRY_ERROR", /status 407$/));
});

test("a password goes to the host that it is for, and is in no message", async () => {
  const other = await serve((_, response) => response.end("other"));
  const server = await serve((request, response) => {
    if (request.headers.authorization === undefined) response.writeHead(401);
    else if (request.url === "/away") response.writeHead(302, { location: `http://${other.host}/` });
    else response.writeHead(404);
    response.end();
  });
  assert.equal(await read(`http://me:secret@${server.host}/away`), "other");
  assert.equal(other.seen[0]?.headers.authorization, undefined);
  await assert.rejects(read(`http://me:secret@${server.host}/x`), (error: Error) => {
    assert.match(error.message, /^failed to GET http:\/\/\*\*\*@\S+\/x with status 404$/);
    return true;
  });
});

test("a password is not sent over a plain connection to the same host and port that an encrypted one leads to", async () => {
  const dir = tmpDir();
  const options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x";
  await promisify(execFile)("openssl", [
    ...options.split(" "),
    ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", join(dir, "key"), "-out", join(dir, "cert")],
  ]);
  const plain = await serve((_, response) => response.end("plain"));
  const tls = createTlsServer({ key: readFileSync(join(dir, "key")), cert: readFileSync(join(dir, "cert")) });
  const seen: (string | undefined)[] = [];
  const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
  // One port for both, as 443 and 80 are one to who compares names only.
  const both = createNetServer((socket) => {
    socket.once("data", (first) => {
      const onward = connect(first[0] === 0x16 ? portOf(tls) : Number(plain.host.split(":")[1]), "127.0.0.1");
      onward.write(first);
      socket.pipe(onward).pipe(socket);
    });
  });
  for (const server of [both, tls])
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    tls.closeAllConnections();
    tls.close();
    both.close();
  });
  const host = `127.0.0.1:${portOf(both)}`;
  tls.on("request", (request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(302, { location: `http://${host}/`, connection: "close" }).end();
  });
  mkdirSync(join(dir, "certs.d", host), { recursive: true });
  copyFileSync(join(dir, "cert"), join(dir, "certs.d", host, "ca.crt"));
  const chunks: Buffer[] = [];
  const url = `https://me:secret@${host}/`;
  for await (const chunk of remoteFile(
    url,
    { configDir: dir, settings: direct },
    new AbortController().signal,
  ))
    chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).toString(), "plain");
  assert.deepEqual(seen, [`Basic ${Buffer.from("me:secret").toString("base64")}`]);
  assert.equal(plain.seen[0]?.headers.authorization, undefined);
});

test("a password with signs that an address should not have is sent as it is, and is in no message", async () => {
  const server = await serve((request, response) => {
    response.end(Buffer.from((request.headers.authorization ?? "").replace("Basic ", ""), "base64"));
  });
  assert.equal(await read(`http://me:100%@${server.host}/`), "me:100%");
  assert.equal(await read(`http://me:a%2fb@c@${server.host}/`), "me:a/b@c");
  await assert.rejects(read("http://me:se@cret@127.0.0.1:1/x"), (error: Error) => {
    assert.doesNotMatch(error.message, /se@|cret/);
    return true;
  });
});

test("what cannot be fetched is told in Docker's words", async () => {
  const server = await serve((request, response) => {
    if (request.url === "/loop") response.writeHead(302, { location: "/loop" }).end();
    else if (request.url === "/file") response.writeHead(302, { location: "file:///etc/passwd" }).end();
    else {
      response.writeHead(200, { "content-length": 1000 });
      response.write("half");
      setImmediate(() => response.destroy());
    }
  });
  await assert.rejects(
    read(`http://${server.host}/loop`),
    fails("REGISTRY_ERROR", /stopped after 10 redirects$/),
  );
  await assert.rejects(read(`http://${server.host}/file`), fails("INVALID_ARGUMENT", /unsupported protocol/));
  await assert.rejects(read(`http://${server.host}/cut`), fails("REGISTRY_UNREACHABLE", /unexpected EOF$/));
  await assert.rejects(
    read("http://127.0.0.1:1/x"),
    fails(
      "REGISTRY_UNREACHABLE",
      /^Get "http:\/\/127\.0\.0\.1:1\/x": dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
    ),
  );
});
