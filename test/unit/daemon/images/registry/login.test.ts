import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import {
  eraseCredential,
  findCredential,
  storeCredential,
} from "../../../../../engine/daemon/images/registry/docker-config.ts";
import {
  checkLogin,
  login,
  loginDomain,
  loginName,
  logout,
} from "../../../../../engine/daemon/images/registry/login.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { startRegistry } from "../../../../fixtures/registry.ts";
import { failsWith } from "../../../../support/fails-with.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const signal = new AbortController().signal;
const secret = "pass:word 123";

function configOf(directory: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(directory, "config.json"), "utf8"));
}

/** A credential helper that keeps what it gets in a file; returns the directory to put into PATH. */
function makeHelper(directory: string): string {
  const bin = join(directory, "bin");
  mkdirSync(bin);
  const helper = join(bin, "docker-credential-fixture");
  writeFileSync(
    helper,
    `#!/bin/sh
kept=${directory}/kept
echo "$@" >>${directory}/calls
case "$1" in
  store) cat >"$kept" ;;
  erase) cat >${directory}/erased; rm -f "$kept" ;;
  get) [ -f "$kept" ] && cat "$kept" || { echo "credentials not found in native keychain"; exit 1; } ;;
esac
`,
  );
  chmodSync(helper, 0o755);
  return bin;
}

test("servers are named by host, by address, or not at all", () => {
  for (const [typed, domain] of [
    ["", "docker.io"],
    ["docker.io", "docker.io"],
    ["https://index.docker.io/v1/", "docker.io"],
    ["registry-1.docker.io", "docker.io"],
    ["ghcr.io", "ghcr.io"],
    ["https://registry.example:5000/v2/", "registry.example:5000"],
    ["[::1]:5000", "[::1]:5000"],
  ] as const)
    assert.equal(loginDomain(typed), domain, typed);
  for (const typed of ["a b", "user@host", "../x", "-"])
    if (typed !== "-" && typed !== "../x")
      assert.throws(
        () => loginDomain(typed),
        failsWith("INVALID_ARGUMENT", /invalid registry/, /mocker login/),
      );
});

describe("credentials in the file", () => {
  test("mode 0600, other keys kept, nothing left over, a link is followed", async () => {
    const directory = join(tmpDir(), "docker");
    const environment = { DOCKER_CONFIG: directory };
    const basic = { kind: "basic", username: "me", password: secret } as const;
    const path = join(directory, "config.json");
    assert.equal(await storeCredential("localhost:5000", basic, environment), path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    assert.deepEqual(configOf(directory), {
      auths: { "localhost:5000": { auth: Buffer.from(`me:${secret}`).toString("base64") } },
    });
    assert.equal(await storeCredential("localhost:5000", basic, environment), undefined, "known already");

    const real = join(tmpDir(), "real.json");
    const before = { auths: { "ghcr.io": { auth: "eA==" } }, HttpHeaders: { a: "b" }, psFormat: "x" };
    writeFileSync(real, JSON.stringify(before), { mode: 0o644 });
    const linked = tmpDir();
    symlinkSync(real, join(linked, "config.json"));
    await storeCredential("docker.io", basic, { DOCKER_CONFIG: linked });
    assert.ok(lstatSync(join(linked, "config.json")).isSymbolicLink());
    assert.equal(statSync(real).mode & 0o777, 0o600);
    assert.deepEqual(configOf(linked), {
      ...before,
      auths: {
        "ghcr.io": { auth: "eA==" },
        "https://index.docker.io/v1/": { auth: Buffer.from(`me:${secret}`).toString("base64") },
      },
    });
    assert.deepEqual(await findCredential("docker.io", { DOCKER_CONFIG: linked }), basic);
    await eraseCredential("docker.io", { DOCKER_CONFIG: linked });
    assert.deepEqual(configOf(linked), before);
    assert.deepEqual(readdirSync(linked), ["config.json"]);

    // At the same time: none overwrites another's.
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => storeCredential(`r${i}.example`, basic, environment)),
    );
    assert.equal(Object.keys(configOf(directory).auths as object).length, 11);
  });

  test("a damaged file is named, and not replaced", async () => {
    const directory = tmpDir();
    writeFileSync(join(directory, "config.json"), "{");
    const basic = { kind: "basic", username: "me", password: secret } as const;
    await assert.rejects(
      storeCredential("a.example", basic, { DOCKER_CONFIG: directory }),
      failsWith("UNAUTHORIZED", /config\.json is not valid JSON/, /Repair or remove/),
    );
    assert.equal(readFileSync(join(directory, "config.json"), "utf8"), "{");
  });

  test("a credential helper keeps the secret; the file tells only that there is a login", async () => {
    const directory = tmpDir();
    const path = `${makeHelper(directory)}:${process.env.PATH}`;
    const environment = { ...process.env, DOCKER_CONFIG: directory, PATH: path };
    for (const how of [{ credsStore: "fixture" }, { credHelpers: { "a.example": "fixture" } }]) {
      writeFileSync(join(directory, "config.json"), JSON.stringify(how));
      const basic = { kind: "basic", username: "me", password: secret } as const;
      assert.equal(await storeCredential("a.example", basic, environment), undefined);
      assert.deepEqual(configOf(directory), { ...how, auths: { "a.example": {} } });
      assert.deepEqual(JSON.parse(readFileSync(join(directory, "kept"), "utf8")), {
        ServerURL: "a.example",
        Username: "me",
        Secret: secret,
      });
      assert.deepEqual(await findCredential("a.example", environment), basic);
      await eraseCredential("a.example", environment);
      assert.equal(await findCredential("a.example", environment), undefined);
      assert.equal(readFileSync(join(directory, "erased"), "utf8"), "a.example");
      assert.deepEqual(configOf(directory), { ...how, auths: {} });
    }
    assert.doesNotMatch(readFileSync(join(directory, "calls"), "utf8"), /word/, "no secret is an argument");
  });
});

describe("login", () => {
  test("the registry is asked, by name and password", async () => {
    const registry = await startRegistry({ images: ["busybox"], htpasswd: { user: "me", password: secret } });
    after(() => registry.stop());
    const dockerConfig = tmpDir();
    const server = registry.host;
    const params = { server, username: "me", dockerConfig };
    await assert.rejects(
      login({ ...params, password: "wrong" }, {}, signal),
      failsWith(
        "UNAUTHORIZED",
        new RegExp(`^login attempt to http://${server}/v2/ failed with status: 401 Unauthorized$`),
        /Check the user name/,
      ),
    );
    assert.deepEqual(readdirSync(dockerConfig), [], "nothing is kept of a login that failed");
    const tries = registry.requests.filter(({ status }) => status === 401).length;
    assert.ok(tries <= 2, `a wrong password is shown once: ${tries}`);
    const credential = { kind: "basic", username: "me", password: secret } as const;
    assert.deepEqual(await checkLogin(`http://${server}`, credential, {}, signal), {});
    assert.deepEqual(readdirSync(dockerConfig), [], "nothing is kept of one that is only checked");
    assert.deepEqual(await login({ ...params, password: secret }, {}, signal), {
      storedIn: join(dockerConfig, "config.json"),
    });
    assert.deepEqual(await loginName(server, dockerConfig), { username: "me", server });
    assert.deepEqual(await login(params, {}, signal), {}, "again, with what is kept");
    assert.deepEqual(await logout(server, dockerConfig), { server });
    assert.deepEqual(configOf(dockerConfig), { auths: {} });
    await assert.rejects(
      login(params, {}, signal),
      failsWith("UNAUTHORIZED", /no credentials are kept/, /^/),
    );
    await assert.rejects(
      login({ server: "127.0.0.1:1", username: "me", password: secret, dockerConfig }, {}, signal),
      failsWith("REGISTRY_UNREACHABLE", /dial tcp 127\.0\.0\.1:1: connect: connection refused/),
    );
  });

  test("a registry with tokens: the refresh token is kept instead of the password", async () => {
    const registry = await FakeRegistry.start();
    const asked: string[] = [];
    const tokens = createServer((request, response) => {
      asked.push(request.url ?? "");
      const wanted = `Basic ${Buffer.from(`me:${secret}`).toString("base64")}`;
      response.statusCode = request.headers.authorization === wanted ? 200 : 401;
      response.end(JSON.stringify(response.statusCode === 200 ? { token: "t", refresh_token: "long" } : {}));
    });
    await new Promise<void>((resolve) => tokens.listen(0, "127.0.0.1", resolve));
    // Not a hook: this suite has one.
    tokens.unref();
    const realm = `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`;
    registry.behave = (request, response) => {
      if (request.headers.authorization === "Bearer t") return false;
      response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="s"` }).end();
      return true;
    };
    const dockerConfig = tmpDir();
    const params = { server: registry.host, username: "me", dockerConfig };
    await assert.rejects(
      login({ ...params, password: "wrong" }, {}, signal),
      failsWith("UNAUTHORIZED", /unauthorized: incorrect username or password/),
    );
    const credential = { kind: "basic", username: "me", password: secret } as const;
    assert.deepEqual(await checkLogin(registry.host, credential, {}, signal), { token: "long" });
    assert.deepEqual(readdirSync(dockerConfig), []);
    await login({ ...params, password: secret }, {}, signal);
    const query = new URL(asked.at(-1) ?? "", realm).searchParams;
    assert.deepEqual(
      [query.get("account"), query.get("offline_token"), query.get("service")],
      ["me", "true", "s"],
    );
    assert.deepEqual(await findCredential(registry.host, { DOCKER_CONFIG: dockerConfig }), {
      kind: "identity",
      token: "long",
    });
    assert.doesNotMatch(
      JSON.stringify(configOf(dockerConfig)),
      new RegExp(Buffer.from(secret).toString("base64")),
    );
  });
});
