import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { FakeRegistry } from "../fixtures/fake-registry.ts";
import { makeImage, makeTar, writeLayout } from "../fixtures/made-image.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { runTool } from "../support/host.ts";
import { Mocker } from "../support/mocker.ts";
import { startProxy } from "../support/proxy.ts";
import { RunningProcess } from "../support/running-process.ts";

const secret = "s3cret-of-the-user";

/** All that the engine and the client have written, but for Docker's config.json. */
function everythingIn(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "config.json")
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}

describe("a registry with a password", () => {
  const mocker = new Mocker({ env: { MOCKER_LOG_LEVEL: "debug" } });
  let registry: Registry;
  before(async () => {
    registry = await startRegistry({ writable: true, htpasswd: { user: "me", password: secret } });
  });
  after(async () => {
    await mocker.close();
    await registry?.stop();
  });

  test("login at a terminal, push, pull, search, logout; the password is nowhere but in config.json", async () => {
    const config = join(mocker.home, ".docker", "config.json");
    const reference = `${registry.host}/team/app:1`;
    const image = makeImage([await makeTar([{ name: "file", content: randomBytes(100_000) }])]);
    writeLayout(join(mocker.dir, "layout"), { [reference]: image });
    await mocker.ok(["pull", `oci:${join(mocker.dir, "layout")}`]);

    const denied = await mocker.run(["push", reference]);
    assert.equal(denied.code, 1);
    assert.match(
      denied.stderr,
      /^mocker: push access denied for \S+\/team\/app: no basic auth credentials\n/,
    );
    assert.match(denied.stderr, new RegExp(`mocker login ${registry.host}\n$`));

    const terminal = await mocker.terminal({ columns: 120, rows: 40 });
    try {
      await terminal.type(`${mocker.commandLine(["login", registry.host])}; echo "status $?"`);
      await terminal.waitFor(/Username: $/);
      await terminal.type("me");
      await terminal.waitFor(/Password: ?$/);
      await terminal.type("not the password");
      await terminal.waitFor(/status 1/);
      await terminal.type(`${mocker.commandLine(["login", "-u", "me", registry.host])}; echo "status $?"`);
      await terminal.waitFor(/status 1[\s\S]*Password: ?$/);
      await terminal.type(secret);
      const screen = await terminal.waitFor(/Login Succeeded\s+status 0/);
      assert.match(screen, /failed with status: 401 Unauthorized/);
      assert.match(screen, /WARNING! Your credentials are stored unencrypted in/);
      assert.doesNotMatch(screen, new RegExp(`${secret}|not the password`));
    } finally {
      await terminal.close();
    }
    assert.equal(statSync(config).mode & 0o777, 0o600);

    const pushed = await mocker.ok(["push", reference]);
    assert.match(pushed, /^The push refers to repository \[\S+\/team\/app\]\n[0-9a-f]{12}: Preparing\n/);
    assert.match(
      pushed,
      new RegExp(`: Pushed\n1: digest: ${image.manifestDigest} size: ${image.manifest.length}\n$`),
    );
    assert.match(await mocker.ok(["push", reference]), /: Layer already exists\n/);
    const seen = await runTool("skopeo", [
      ...["inspect", "--raw", "--tls-verify=false", "--creds", `me:${secret}`, `docker://${reference}`],
    ]);
    assert.equal(seen, image.manifest.toString());
    assert.match(
      await mocker.ok(["search", `${registry.host}/app`]),
      new RegExp(`^NAME .*\n${registry.host}/team/app `),
    );
    assert.match(await mocker.ok(["manifest", "inspect", reference]), /^\{\n\t"schemaVersion": 2,/);

    await mocker.ok(["rmi", reference]);
    assert.match(
      await mocker.ok(["pull", "-a", `${registry.host}/team/app`]),
      /Status: Downloaded newer image for/,
    );
    await mocker.ok(["logout", registry.host]);
    assert.deepEqual(JSON.parse(readFileSync(config, "utf8")), { auths: {} });
    await mocker.ok(["rmi", reference]);
    const refused = await mocker.run(["pull", reference]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /pull access denied for \S+\/team\/app, repository does not exist or may require/,
    );

    const written = everythingIn(mocker.dir);
    assert.ok(written.includes("request.failed"), "the log is among it");
    for (const hidden of [secret, Buffer.from(`me:${secret}`).toString("base64")])
      assert.ok(!written.includes(hidden), "the password is in some file");
  });

  test("the password by standard input; another DOCKER_CONFIG than the engine's", async () => {
    const folder = join(mocker.dir, "other-config");
    const env = { DOCKER_CONFIG: folder };
    const login = await mocker.run(["login", "-u", "me", "--password-stdin", registry.host], {
      stdin: `${secret}\n`,
      env,
    });
    assert.equal(login.stdout.toString(), "Login Succeeded\n", login.stderr);
    assert.deepEqual(readdirSync(folder), ["config.json"]);
    assert.equal((await mocker.run(["pull", `${registry.host}/team/app:1`])).code, 1);
    await mocker.ok(["pull", `${registry.host}/team/app:1`], { env });
    await mocker.ok(["logout", registry.host], { env });
  });
});

test("through the proxy that the environment names, trusting what certs.d has", async () => {
  const registry = await startRegistry({ images: ["busybox"], tls: true });
  const proxy = await startProxy(registry.host);
  const mocker = new Mocker({ env: { https_proxy: proxy.url, NO_PROXY: "direct.test" } });
  const image = "registry.test/busybox";
  try {
    const refused = await mocker.run(["pull", image]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /^mocker: Get "https:\/\/registry\.test\/v2\/": tls: failed to verify certificate: x509: certificate signed by unknown authority\nhint: .*~\/\.config\/mocker\/certs\.d\/registry\.test\/ca\.crt/,
    );
    const certs = join(mocker.home, ".config", "mocker", "certs.d", "registry.test");
    mkdirSync(certs, { recursive: true });
    copyFileSync(registry.caFile ?? "", join(certs, "ca.crt"));
    assert.equal(await mocker.ok(["run", "--rm", image, "echo", "ran"]), "ran\n");
    assert.ok(proxy.seen.includes("CONNECT registry.test:443"));
    // What is imported goes the same way.
    const absent = await mocker.run(["import", "https://registry.test/root.tar", "x"]);
    assert.equal(absent.code, 1);
    assert.match(
      absent.stderr,
      /^mocker: failed to GET https:\/\/registry\.test\/root\.tar with status 404\nhint: /,
    );
    assert.equal(proxy.seen.filter((line) => line === "CONNECT registry.test:443").length > 1, true);
    // What is wrong with the configuration is said before anything is asked of anybody.
    writeFileSync(join(mocker.home, ".config", "mocker", "engine.json"), '{"registry-mirrors": "x"}');
    const wrong = await mocker.run(["pull", image]);
    assert.match(wrong.stderr, /engine\.json: "registry-mirrors" must be a list of strings\nhint: /);
  } finally {
    await mocker.close();
    await registry.stop();
  }
});

/** An image for other machines than this one. */
async function foreignImage(): Promise<string> {
  const fake = await FakeRegistry.start();
  const entry = (architecture: string) => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: `sha256:${"a".repeat(64)}`,
    size: 7,
    platform: { os: "linux", architecture },
  });
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, manifests: [entry("s390x"), entry("ppc64le")] }),
  );
  fake.manifests.set("app:1", { bytes, type: "application/vnd.oci.image.index.v1+json" });
  return `${fake.host}/app:1`;
}

describe("errors name what the user typed, in Docker's words, and say what to do", () => {
  const mocker = new Mocker();
  let registry: Registry;
  let guarded: Registry;
  before(async () => {
    registry = await startRegistry({ images: ["busybox"] });
    guarded = await startRegistry({ images: ["busybox"], htpasswd: { user: "me", password: secret } });
  });
  after(async () => {
    await mocker.close();
    await registry?.stop();
    await guarded?.stop();
  });

  const cases: [what: string, reference: () => string | Promise<string>, message: RegExp, hint: RegExp][] = [
    [
      "an unknown image",
      () => `${registry.host}/nosuch`,
      /^manifest for (\S+) not found: manifest unknown: manifest unknown$/,
      /has no repository \S+\/nosuch, or shows it only after: mocker login/,
    ],
    [
      "an unknown tag",
      () => `${registry.host}/busybox:nosuch`,
      /^manifest for (\S+) not found: manifest unknown: manifest unknown$/,
      /^Tags of \S+\/busybox: latest\.$/,
    ],
    [
      "no matching platform",
      foreignImage,
      /^(\S+): no matching manifest for linux\/\w+ in the manifest list entries$/,
      /linux\/s390x, linux\/ppc64le/,
    ],
    [
      "no login",
      () => `${guarded.host}/busybox`,
      /^pull access denied for (\S+), repository does not exist or may require 'mocker login': no basic auth credentials$/,
      /mocker login 127\.0\.0\.1:[0-9]+$/,
    ],
    [
      "nobody listens",
      () => "127.0.0.1:1/app",
      /^Get "http:\/\/127\.0\.0\.1:1\/v2\/": dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
      /Check the name 127\.0\.0\.1:1/,
    ],
    [
      "no such host",
      () => "registry.invalid/app",
      /^Get "https:\/\/registry\.invalid\/v2\/": dial tcp: lookup registry\.invalid: (no such host|Temporary failure)/,
      /Check the name registry\.invalid/,
    ],
    [
      "no reference",
      () => "Some/Name:x",
      /^invalid reference format: repository name \(\S+\) must be lowercase$/,
      /REPOSITORY/,
    ],
  ];
  for (const [what, reference, message, hint] of cases)
    for (const verb of ["pull", "run"])
      test(`${verb}: ${what}`, async () => {
        const typed = await reference();
        const run = await mocker.run([verb, typed]);
        assert.equal(run.code, verb === "pull" ? 1 : 125, run.stderr);
        const lines = run.stderr.trimEnd().split("\n");
        assert.match(lines.find((line) => line.startsWith("mocker: "))?.slice(8) ?? run.stderr, message);
        assert.match(lines.find((line) => line.startsWith("hint: "))?.slice(6) ?? run.stderr, hint);
        assert.ok(run.stderr.includes(typed), `${typed} is not named:\n${run.stderr}`);
        assert.doesNotMatch(run.stderr, /\n\s+at /);
      });
});

test("a full disk: how much is missing, how much there is, and what to do; a smaller image still fits", async () => {
  const fake = await FakeRegistry.start();
  const big = fake.add(
    "big",
    "1",
    makeImage([await makeTar([{ name: "f", content: randomBytes(12 << 20) }])]),
  );
  const small = fake.add("small", "1", makeImage([await makeTar([{ name: "f", content: "small" }])]));
  const mocker = new Mocker();
  mkdirSync(mocker.dataDir, { recursive: true });
  const archive = join(mocker.dir, "zeros.tar.gz");
  writeFileSync(archive, gzipSync(Buffer.alloc(20 << 20)));
  const zeros = join(mocker.dir, "zeros.tar");
  writeFileSync(zeros, Buffer.alloc(20 << 20));
  // A disk of its own, which only this command and its engine see.
  const script = `
    mount -t tmpfs -o size=10m,mode=700 none "$1" || exit 99
    ${mocker.commandLine(["pull", big])}; echo "status $?"
    ls "$1/images/ingest" | grep -v partial; echo "layers: $(ls "$1/images/layers" | wc -l)"
    ${mocker.commandLine(["pull", "-q", small])}; echo "status $?"
    ${mocker.commandLine(["load", "-i", archive])}; echo "status $?"
    ls "$1/images/ingest" | grep -v partial
    ${mocker.commandLine(["import", zeros, "zeros"])}; echo "status $?"
    ls "$1/images/ingest" | grep -v partial
    dd if=/dev/zero of="$1/filler" bs=64k 2>/dev/null
    ${mocker.commandLine(["tag", small, "again"])}; echo "status $?"
    ${mocker.commandLine(["image", "prune", "-af"])}; echo "status $?"
    rm "$1/filler"
    ${mocker.commandLine(["system", "check"])}; echo "status $?"`;
  const mapping = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const child = spawn("unshare", [...mapping, "--mount", "sh", "-c", script, "sh", mocker.dataDir], {
    env: mocker.environment(),
    cwd: mocker.dir,
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    const { stdout, stderr } = await new RunningProcess(child, "unshare").exited;
    const output = stdout.toString();
    assert.match(output, /status 1\nlayers: 0\n/, output + stderr);
    assert.match(
      stderr,
      /mocker: failed to register layer: write \S+: no space left on device: \S+big:1 needs at least [0-9.]+ MB more, [0-9.]+ MB are free\nhint: Make room, for instance with: mocker image prune/,
    );
    const pruned = `Deleted Images:\nuntagged: ${small}\n(untagged|deleted): [^]*\nTotal reclaimed space: [0-9.]+kB`;
    const checked = "Checked 0 images, 0 blobs, 0 layers, 0 root disks, 0 VMs: no problems";
    assert.match(
      output,
      new RegExp(
        `${small}\nstatus 0\nstatus 1\nstatus 1\nstatus 1\n${pruned}\nstatus 0\n${checked}\nstatus 0\n$`,
      ),
      output + stderr,
    );
    // Of load, import and tag.
    assert.match(
      stderr,
      /(mocker: no space left on device: the disk that holds the images is full\nhint: Make room[^\n]*\n){3}$/,
    );
  } finally {
    await mocker.close();
    fake.stop();
  }
});

test("an image of what a VM has changed is pushed, and runs the same from the registry elsewhere", async () => {
  const [maker, user] = [new Mocker(), new Mocker()];
  const [source, registry] = await Promise.all([startRegistry(), startRegistry({ writable: true })]);
  try {
    const [base, made] = [`${source.host}/busybox`, `${registry.host}/team/made:1`];
    const script = "echo said >/said; chmod 640 /said; rm /etc/group; sleep 1000";
    await maker.ok(["run", "-d", "--name", "vm", base, "sh", "-c", script]);
    await maker.until(["diff", "vm"], /D \/etc\/group/);
    const command = 'CMD ["sh","-c","cat /said; stat -c %a /said; ls /etc/group; echo $A"]';
    const id = (await maker.ok(["commit", "-c", command, "-c", "ENV A=b", "vm", made])).trim();
    const pushed = await maker.ok(["push", made]);
    assert.match(pushed, /: Pushed\n1: digest: sha256:[0-9a-f]{64} size: \d+\n$/);

    // What others make of it.
    const inspect = async (what: string, image: string) =>
      JSON.parse(await runTool("skopeo", ["inspect", what, "--tls-verify=false", `docker://${image}`]));
    const [theirs, ours] = [await inspect("--raw", `${base}:latest`), await inspect("--raw", made)];
    assert.deepEqual([ours.layers.length, ours.layers[0].digest], [2, theirs.layers[0].digest]);
    assert.ok(ours.layers[1].size < 10_000, `${ours.layers[1].size} bytes of a few changes`);
    assert.equal((await inspect("--config", made)).config.Env.at(-1), "A=b");

    await user.ok(["pull", "-q", made]);
    assert.equal(
      await user.ok(["image", "inspect", "-f", "{{.Id}} {{len .RootFS.Layers}}", made]),
      `${id} 2\n`,
    );
    const ran = await user.run(["run", "--rm", made]);
    assert.equal(ran.stdout.toString(), "said\n640\nb\n");
    assert.match(ran.stderr, /ls: \/etc\/group: No such file or directory/);
  } finally {
    await Promise.all([maker.close(), user.close(), source.stop(), registry.stop()]);
  }
});
