import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { FakeRegistry } from "../fixtures/fake-registry.ts";
import { fixtureImage } from "../fixtures/index.ts";
import { makeImage, makeTar, writeLayout } from "../fixtures/made-image.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { runTool } from "../support/host.ts";
import { Mocker } from "../support/mocker.ts";
import { retry } from "../support/retry.ts";

function assertNothingUnderWay(mocker: Mocker): void {
  assert.deepEqual(readdirSync(join(mocker.dataDir, "images", "ingest")), []);
}

describe("pulls that are killed", () => {
  let registry: Registry;
  before(async () => {
    registry = await startRegistry();
  });
  after(() => registry?.stop());

  test("at any moment: the next one completes, and the image runs", async () => {
    const mocker = new Mocker();
    const image = `${registry.host}/debian`;
    try {
      // Warm: what is measured is the pull, not the start of the engine.
      await mocker.ok(["images"]);
      for (let round = 0; round < 8; round++) {
        const engine = await mocker.enginePid();
        const client = mocker.start(["pull", image]);
        await sleep(60 + round * 110);
        process.kill(engine, "SIGKILL");
        await client.exited;
        if ((await mocker.ok(["images", "-q"])) !== "") await mocker.ok(["rmi", image]);
      }
      await mocker.ok(["pull", image]);
      assertNothingUnderWay(mocker);
      assert.match(await mocker.ok(["run", "--rm", image, "cat", "/etc/os-release"]), /Debian/);
    } finally {
      await mocker.close();
    }
  });

  test("finished layers are not fetched again, an unfinished one goes on where it was", async () => {
    const mocker = new Mocker();
    const slow = await FakeRegistry.start();
    const noise = randomBytes(400_000);
    const wanted = makeImage([
      await makeTar([{ name: "small", content: "small" }]),
      await makeTar([{ name: "large", content: noise }]),
    ]);
    const reference = slow.add("app", "latest", wanted);
    const [small = "", large = ""] = wanted.layers;
    slow.behave = (request, response) => {
      if (!request.url?.endsWith(large)) return false;
      const blob = slow.blobs.get(large) ?? Buffer.alloc(0);
      response.setHeader("content-length", blob.length);
      response.write(blob.subarray(0, 200_000));
      return true;
    };
    try {
      const engine = await mocker.enginePid();
      const client = mocker.start(["pull", reference]);
      const images = join(mocker.dataDir, "images");
      const partial = join(images, "ingest", `${large.replace(":", "-")}.partial`);
      await retry(
        () =>
          readdirSync(join(images, "layers")).some((name) => name.endsWith(".index")) &&
          (statSync(partial, { throwIfNoEntry: false })?.size ?? 0) >= 200_000,
        { what: "the small layer and half of the large one" },
      );
      process.kill(engine, "SIGKILL");
      await client.exited;
      slow.behave = () => false;
      await mocker.ok(["pull", reference]);
      assert.equal(slow.fetches(small).length, 1);
      assert.deepEqual(
        slow.fetches(large).map(({ range }) => range),
        [undefined, "bytes=200000-"],
      );
      assertNothingUnderWay(mocker);
    } finally {
      await mocker.close();
      slow.stop();
    }
  });
});

/** 10 GiB of zeros as one file in a layer of some 10 MB: a gzip file may have many members. */
function bomb(): Buffer {
  const bytes = 10 * 2 ** 30;
  const header = Buffer.alloc(512);
  header.write("zeros");
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${bytes.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        0", 148);
  header.write("ustar\0", 257);
  header.write("00", 263);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const member = gzipSync(Buffer.alloc(64 * 2 ** 20), { level: 9 });
  return Buffer.concat([gzipSync(header), ...Array.from({ length: 160 }, () => member)]);
}

describe("hostile and foreign images", () => {
  const mocker = new Mocker();
  after(() => mocker.close());

  test("a bomb of 10 GiB of zeros is refused, and leaves nothing", async () => {
    const layer = bomb();
    const layout = writeLayout(join(mocker.dir, "bomb"), {
      latest: makeImage([Buffer.from("replaced")], { compress: () => layer }),
    });
    const run = await mocker.run(["pull", `oci:${layout}`]);
    assert.equal(run.code, 1, run.stderr);
    assert.match(run.stderr, /decompression bomb/);
    assertNothingUnderWay(mocker);
    assert.equal(await mocker.ok(["images", "-q"]), "");
    assert.deepEqual(readdirSync(join(mocker.dataDir, "images", "layers")), []);
  });

  for (const [what, entries, message] of [
    ["a path out of the root", [{ name: "../../escape", content: "x" }], /escape/],
    [
      "a hard link out of the root",
      [{ name: "in", type: "link", linkname: "../../etc/passwd" }],
      /etc\/passwd/,
    ],
  ] as [string, Parameters<typeof makeTar>[0], RegExp][]) {
    test(`${what} is refused by name`, async () => {
      const layout = join(mocker.dir, what.replaceAll(" ", "-"));
      writeLayout(layout, { latest: makeImage([await makeTar(entries)]) });
      const run = await mocker.run(["pull", `oci:${layout}`]);
      assert.equal(run.code, 1, run.stdout.toString());
      assert.match(run.stderr, message);
      assert.doesNotMatch(run.stderr, /\n\s+at /);
      assertNothingUnderWay(mocker);
    });
  }

  test("files written through a link of the image stay inside", async () => {
    const outside = join(mocker.dir, "outside");
    mkdirSync(outside);
    const tar = await makeTar([
      { name: "link", type: "symlink", linkname: outside },
      { name: "link/written", content: "x" },
    ]);
    writeLayout(join(mocker.dir, "link"), { latest: makeImage([tar]) });
    await mocker.run(["pull", `oci:${join(mocker.dir, "link")}`]);
    await mocker.run(["run", "--rm", "link", "/nothing"]);
    assert.deepEqual(readdirSync(outside), []);
  });

  test("archives that skopeo writes are read, and what we keep is read by skopeo", async () => {
    const layout = await fixtureImage("busybox");
    const from = `oci:${layout}:latest`;
    const oci = join(mocker.dir, "image.oci.tar");
    const docker = join(mocker.dir, "image.docker.tar");
    await runTool("skopeo", ["--insecure-policy", "copy", "-q", from, `oci-archive:${oci}:one:latest`]);
    await runTool("skopeo", ["--insecure-policy", "copy", "-q", from, `docker-archive:${docker}:two:latest`]);
    for (const [reference, name] of [
      [`oci-archive:${oci}`, "one"],
      [`docker-archive:${docker}`, "two"],
    ] as const) {
      await mocker.ok(["pull", "-q", reference]);
      assert.equal(await mocker.ok(["run", "--rm", name, "echo", "ran"]), "ran\n");
    }
    const copy = join(mocker.dir, "copy");
    const store = `oci:${join(mocker.dataDir, "images")}:two:latest`;
    await runTool("skopeo", ["--insecure-policy", "copy", "-q", store, `dir:${copy}`]);
    assert.ok(existsSync(join(copy, "manifest.json")));

    // Both names are one image's: without the second, the first is its last.
    await mocker.ok(["rmi", "two"]);
    const used = (await mocker.ok(["create", "--name", "user-of-one", "one", "true"])).trim();
    const refused = await mocker.run(["rmi", "one"]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /user-of-one|being used|using/);
    await mocker.ok(["rm", used]);
    await mocker.ok(["rmi", "one"]);
    assert.equal(await mocker.ok(["images", "-q", "--filter", "reference=one"]), "");
  });

  test("a damaged archive is refused by name", async () => {
    const path = join(mocker.dir, "damaged.tar");
    writeFileSync(path, Buffer.alloc(5000, 7));
    const run = await mocker.run(["pull", `docker-archive:${path}`]);
    assert.equal(run.code, 1);
    assert.match(run.stderr, /damaged\.tar/);
    rmSync(path);
  });
});
