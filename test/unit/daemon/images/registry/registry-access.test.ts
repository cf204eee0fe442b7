/** How registries are reached: settings, mirrors, proxies, certificates. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { proxyFor } from "../../../../../engine/daemon/images/registry/proxy.ts";
import {
  defaultSettings,
  isInsecure,
  readSettings,
} from "../../../../../engine/daemon/images/registry/registry-settings.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar } from "../../../../fixtures/made-image.ts";
import { startRegistry } from "../../../../fixtures/registry.ts";
import { failsWith } from "../../../../support/fails-with.ts";
import { runTool } from "../../../../support/host.ts";
import { startProxy } from "../../../../support/proxy.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

process.env.DOCKER_CONFIG = tmpDir();
for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"])
  delete process.env[name];

const noProxies = { http: undefined, https: undefined, no: undefined };

function configure(contents: unknown): string {
  const dir = tmpDir();
  writeFileSync(join(dir, "engine.json"), typeof contents === "string" ? contents : JSON.stringify(contents));
  return dir;
}

test("engine.json has the keys of Docker's daemon.json, and mistakes are named", () => {
  assert.deepEqual(readSettings(tmpDir()), defaultSettings);
  const read = readSettings(
    configure({
      "registry-mirrors": ["https://mirror.example", "http://127.0.0.1:5000/hub"],
      "insecure-registries": ["registry.lan:5000", "10.0.0.0/8"],
      "max-concurrent-downloads": 7,
      "max-concurrent-uploads": 2,
      "max-download-attempts": 1,
      proxies: { "http-proxy": "http://p:1", "https-proxy": "http://p:2", "no-proxy": "a,b" },
      "data-root": "/of/docker",
    }),
  );
  assert.deepEqual(read.mirrors.map(String), ["https://mirror.example/", "http://127.0.0.1:5000/hub/"]);
  assert.deepEqual(read.proxies, { http: "http://p:1", https: "http://p:2", no: "a,b" });
  assert.deepEqual(
    [read.maxConcurrentDownloads, read.maxConcurrentUploads, read.maxDownloadAttempts],
    [7, 2, 1],
  );
  for (const [contents, message] of [
    ["{", /engine\.json: it is not valid JSON/],
    [[], /it is no JSON object/],
    [{ "registry-mirrors": "x" }, /"registry-mirrors" must be a list of strings/],
    [{ "registry-mirrors": ["mirror.example"] }, /invalid mirror "mirror.example"/],
    [{ "registry-mirrors": ["ftp://x"] }, /unsupported scheme "ftp"/],
    [{ "registry-mirrors": ["https://x/?a"] }, /query or fragment/],
    [{ "registry-mirrors": ["https://me:secret@x"] }, /^(?!.*secret).*username and password are not allowed/],
    [{ "insecure-registries": [1] }, /"insecure-registries" must be a list of strings/],
    [{ "max-concurrent-downloads": 0 }, /"max-concurrent-downloads" must be a whole number from 1 to 64/],
    [{ proxies: [] }, /"proxies" must be an object/],
    [{ proxies: { "http-proxy": 1 } }, /"proxies.http-proxy" must be a string/],
  ] as const) {
    const dir = configure(contents);
    assert.throws(
      () => readSettings(dir),
      failsWith("INVALID_ARGUMENT", message, /daemon\.json/),
      JSON.stringify(contents),
    );
  }
  for (const [domain, expected] of [
    ["registry.lan:5000", true],
    ["registry.lan", false],
    ["registry.lan:5001", false],
    ["10.1.2.3", true],
    ["10.1.2.3:5000", true],
    ["11.1.2.3", false],
  ] as const)
    assert.equal(isInsecure(domain, read.insecureRegistries), expected, domain);
});

test("proxies are chosen as Go's httpproxy chooses them", () => {
  const proxy = "http://proxy.example:3128";
  const through = (url: string, env: Record<string, string>): string | undefined =>
    proxyFor(new URL(url), noProxies, env)?.href;
  const used = `${proxy}/`;
  for (const name of ["HTTPS_PROXY", "https_proxy"]) {
    assert.equal(through("https://registry.example/v2/", { [name]: proxy }), used);
    assert.equal(through("http://registry.example/v2/", { [name]: proxy }), undefined);
  }
  for (const name of ["HTTP_PROXY", "http_proxy"])
    assert.equal(through("http://registry.example/v2/", { [name]: proxy }), used);
  assert.equal(through("https://registry.example/", { HTTPS_PROXY: "proxy.example:3128" }), used);
  for (const host of ["localhost:5000", "127.0.0.1", "127.3.2.1:5000", "[::1]:5000"])
    assert.equal(through(`https://${host}/`, { HTTPS_PROXY: proxy }), undefined, host);
  for (const [list, host, direct] of [
    ["*", "a.example", true],
    ["example.com", "example.com", true],
    ["example.com", "a.b.example.com", true],
    ["example.com", "notexample.com", false],
    [".example.com", "a.example.com", true],
    [".example.com", "example.com", false],
    ["*.example.com", "a.example.com", true],
    ["EXAMPLE.com", "example.COM", true],
    ["other, example.com ,third", "example.com", true],
    ["example.com:5000", "example.com:5000", true],
    ["example.com:5000", "example.com:5001", false],
    ["example.com:443", "example.com", true],
    ["10.0.0.0/8", "10.20.30.40:5000", true],
    ["10.0.0.0/8", "11.20.30.40", false],
    ["192.168.1.1", "192.168.1.1:5000", true],
    ["192.168.1.1:5000", "192.168.1.1:5001", false],
    ["fd00::/8", "[fd12::1]:5000", true],
    ["fd12::1", "[fd12::1]:5000", true],
    ["", "example.com", false],
  ] as const)
    for (const name of ["NO_PROXY", "no_proxy"])
      assert.equal(
        through(`https://${host}/`, { HTTPS_PROXY: proxy, [name]: list }),
        direct ? undefined : used,
        `${name}=${list} ${host}`,
      );
  const settings = { http: undefined, https: "http://of-file:1", no: "direct.example" };
  const env = { HTTPS_PROXY: proxy, NO_PROXY: "*" };
  assert.equal(proxyFor(new URL("https://a.example"), settings, env)?.host, "of-file:1");
  assert.equal(proxyFor(new URL("https://direct.example"), settings, env), undefined);
  assert.throws(
    () => through("https://a.example/", { HTTPS_PROXY: "socks5://me:secret@x:1" }),
    failsWith("INVALID_ARGUMENT", /^(?!.*secret).*socks5:\/\/x:1 cannot be used/, /HTTPS_PROXY/),
  );
});

test("a registry behind a proxy with a password: by CONNECT for https, by whole addresses for http", async () => {
  const registry = await startRegistry({ images: ["busybox"], tls: true });
  after(() => registry.stop());
  const configDir = tmpDir();
  const certs = join(configDir, "certs.d", "registry.test:5000");
  const proxy = await startProxy(registry.host, "me:secret");
  const login = proxy.url.replace("//", "//me:secret@");
  const settings = { ...defaultSettings, proxies: { ...noProxies, http: login, https: login } };
  const { store } = await makeStore({ registry: { configDir, settings } });
  const reference = "registry.test:5000/busybox";

  // Through the proxy, but nobody vouches for the registry yet.
  await assert.rejects(
    store.pull({ reference }),
    failsWith(
      "REGISTRY_UNREACHABLE",
      /^Get "https:\/\/registry\.test:5000\/v2\/": tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
      /certs\.d\/registry\.test:5000\/ca\.crt/,
    ),
  );
  mkdirSync(certs, { recursive: true });
  copyFileSync(registry.caFile ?? "", join(certs, "ca.crt"));
  await store.pull({ reference });
  assert.equal(store.count(), 1);
  assert.ok(
    proxy.seen.every((line) => line === "CONNECT registry.test:5000"),
    proxy.seen.join(),
  );

  const stranger = { ...defaultSettings, proxies: { ...noProxies, https: proxy.url } };
  await assert.rejects(
    (await makeStore({ registry: { configDir, settings: stranger } })).store.pull({ reference }),
    failsWith("REGISTRY_UNREACHABLE", /Proxy Authentication Required/, /USER:PASSWORD@HOST/),
  );

  // The same authority through SSL_CERT_FILE and NODE_EXTRA_CA_CERTS.
  for (const name of ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]) {
    process.env[name] = registry.caFile;
    const { store: other } = await makeStore({ registry: { settings } });
    await other.pull({ reference });
    delete process.env[name];
    await assert.rejects(
      (await makeStore({ registry: { settings } })).store.pull({ reference }),
      failsWith("REGISTRY_UNREACHABLE", /unknown authority/),
    );
  }

  const plain = await FakeRegistry.start();
  plain.add("app", "latest", makeImage([await makeTar([{ name: "a", content: "a" }])]));
  const second = await startProxy(plain.host, "me:secret");
  const viaSecond = second.url.replace("//", "//me:secret@");
  const insecure = {
    ...defaultSettings,
    insecureRegistries: ["plain.test"],
    proxies: { ...noProxies, http: viaSecond, https: undefined },
  };
  const { store: third } = await makeStore({ registry: { settings: insecure } });
  await third.pull({ reference: "plain.test/app" });
  assert.ok(second.seen.includes("GET http://plain.test/v2/app/manifests/latest"), second.seen.join());
  second.stop();
  await assert.rejects(
    third.pull({ reference: "plain.test/other" }),
    failsWith("REGISTRY_UNREACHABLE", /proxyconnect tcp: dial tcp 127.*connection refused/, /HTTPS_PROXY/),
  );
});

test("https wants https: an answer in plain text, another name, a client certificate", async () => {
  const plain = await FakeRegistry.start();
  const proxies = async (host: string) => ({ ...noProxies, https: (await startProxy(host)).url });
  const pull = async (reference: string, host: string, configDir?: string) => {
    const settings = { ...defaultSettings, proxies: await proxies(host) };
    const { store } = await makeStore({ registry: { settings, configDir } });
    return await store.pull({ reference });
  };
  await assert.rejects(
    pull("registry.test/app", plain.host),
    failsWith(
      "REGISTRY_UNREACHABLE",
      /^Get "https:\/\/registry\.test\/v2\/": http: server gave HTTP response to HTTPS client$/,
      /"insecure-registries" in .*engine\.json/,
    ),
  );
  const registry = await startRegistry({ images: ["busybox"], tls: true });
  after(() => registry.stop());
  const trusting = tmpDir();
  for (const host of ["other.test", "registry.test"]) {
    mkdirSync(join(trusting, "certs.d", host), { recursive: true });
    copyFileSync(registry.caFile ?? "", join(trusting, "certs.d", host, "ca.crt"));
  }
  await assert.rejects(
    pull("other.test/busybox", registry.host, trusting),
    failsWith("REGISTRY_UNREACHABLE", /certificate/, /another name than other\.test/),
  );
  await pull("registry.test/busybox", registry.host, trusting);
  writeFileSync(join(trusting, "certs.d", "registry.test", "client.cert"), "");
  await assert.rejects(
    pull("registry.test/busybox", registry.host, trusting),
    failsWith("INVALID_ARGUMENT", /missing key client\.key for client certificate client\.cert/, /^/),
  );
  writeFileSync(join(trusting, "certs.d", "registry.test", "client.key"), "nonsense");
  await assert.rejects(
    pull("registry.test/busybox", registry.host, trusting),
    failsWith("INVALID_ARGUMENT", /the certificates for registry\.test cannot be used/, /certs\.d/),
  );
});

test("a client certificate is shown to who asks for it", async () => {
  const { createServer } = await import("node:tls");
  const dir = tmpDir();
  const certs = join(dir, "certs.d", "registry.test");
  mkdirSync(certs, { recursive: true });
  for (const name of ["server", "client"])
    await runTool("openssl", [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:registry.test"],
      ...["-keyout", join(dir, `${name}.key`), "-out", join(dir, `${name}.crt`)],
    ]);
  copyFileSync(join(dir, "server.crt"), join(certs, "ca.crt"));
  const names: string[] = [];
  const server = createServer(
    {
      key: readFileSync(join(dir, "server.key")),
      cert: readFileSync(join(dir, "server.crt")),
      ca: readFileSync(join(dir, "client.crt")),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (socket) => {
      names.push(`${socket.getPeerCertificate().subject.CN}`);
      socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    },
  );
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  const { port } = server.address() as { port: number };
  const proxy = await startProxy(`127.0.0.1:${port}`);
  const settings = {
    ...defaultSettings,
    maxDownloadAttempts: 1,
    proxies: { ...noProxies, https: proxy.url },
  };
  const pull = async () => {
    const { store } = await makeStore({ registry: { settings, configDir: dir } });
    await store.pull({ reference: "registry.test/app" });
  };
  await assert.rejects(pull(), failsWith("REGISTRY_UNREACHABLE", /certificate required/, /client\.cert/));
  copyFileSync(join(dir, "client.crt"), join(certs, "client.cert"));
  copyFileSync(join(dir, "client.key"), join(certs, "client.key"));
  await assert.rejects(pull(), failsWith("IMAGE_NOT_FOUND", /not found/));
  assert.ok(names.length > 0 && names.every((name) => name === "client"));
});

test("images of Docker Hub come from the mirrors first; other registries' do not", async () => {
  const image = makeImage([await makeTar([{ name: "a", content: "a" }])]);
  const dead = await FakeRegistry.start();
  const empty = await FakeRegistry.start();
  const broken = await FakeRegistry.start();
  const good = await FakeRegistry.start();
  dead.stop();
  broken.add("library/app", "1", image);
  broken.behave = (request, response) => {
    if (!request.url?.includes("/blobs/")) return false;
    response.statusCode = 404;
    response.end();
    return true;
  };
  good.add("library/app", "1", image);
  const other = good.add("app", "1", image);
  const hosts = [dead, empty, broken, good].map(({ host }) => host);
  const configDir = configure({ "registry-mirrors": hosts.map((host) => `http://${host}`) });
  const { store } = await makeStore({ registry: { configDir } });
  const pulled = await store.pull({ reference: "app:1" });
  assert.equal(pulled.reference, "docker.io/library/app:1");
  assert.ok(empty.seen.some(({ path }) => path === "/v2/library/app/manifests/1"));
  assert.ok(good.fetches(image.layers[0] ?? "").length === 1, "what a mirror lacks, the next one has");
  const before = empty.seen.length;
  const { store: second } = await makeStore({ registry: { configDir } });
  await second.pull({ reference: other });
  assert.equal(empty.seen.length, before, "a mirror is of Docker Hub only");
});
