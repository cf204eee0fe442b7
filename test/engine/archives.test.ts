import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Dockerd, startDockerd } from "../fixtures/docker/dockerd.ts";
import { fixtureImage } from "../fixtures/index.ts";
import { makeTar } from "../fixtures/made-image.ts";
import { Mocker } from "../support/mocker.ts";
import { rootDir } from "../support/paths.ts";
import { retry } from "../support/retry.ts";

/** A home with busybox under the name `box`. */
async function withBox(): Promise<Mocker> {
  const mocker = new Mocker();
  const name = (await mocker.ok(["pull", "-q", `oci:${await fixtureImage("busybox")}:latest`])).trim();
  await mocker.ok(["tag", name, "box"]);
  await mocker.ok(["rmi", name]);
  return mocker;
}

async function idOf(mocker: Mocker, image: string): Promise<string> {
  return (await mocker.ok(["inspect", "--type", "image", "--format", "{{.Id}}", image])).trim();
}

describe("save and load", () => {
  let mocker: Mocker;
  before(async () => {
    mocker = await withBox();
  });
  after(() => mocker?.close());

  test("to a file, through a pipe, and back in another home: the same image, which runs", async () => {
    const file = join(mocker.dir, "box.tar");
    assert.equal(await mocker.ok(["save", "-o", file, "box"]), "");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const { stdout } = await mocker.run(["save", "box"]);
    assert.ok(stdout.equals(readFileSync(file)), "the same bytes every time");
    const other = new Mocker();
    try {
      assert.equal(await other.ok(["load", "-i", file]), "Loaded image: box:latest\n");
      assert.equal(await idOf(other, "box"), await idOf(mocker, "box"));
      assert.equal(await other.ok(["run", "--rm", "box", "echo", "ran"]), "ran\n");
      await other.ok(["rmi", "box"]);
      assert.equal(await other.ok(["load", "-q"], { stdin: stdout }), "Loaded image: box:latest\n");
      assert.match(await other.ok(["system", "check", "--deep"]), /no problems/);
    } finally {
      await other.close();
    }
  });

  test("what cannot be written is said before it is begun, and no part of a file stays", async () => {
    const refused = async (args: string[], message: RegExp): Promise<void> => {
      const { code, stderr } = await mocker.run(args);
      assert.equal(code, 1, args.join(" "));
      assert.match(stderr, message);
    };
    await refused(
      ["save", "-o", "/not/there/x", "box"],
      /^failed to save image: invalid output path: stat \/not\/there: no such/,
    );
    await refused(["save", "-o", mocker.dir, "box"], /^failed to save image: cannot write to a directory$/m);
    await refused(["save", "-o", join(mocker.dir, "none.tar"), "nope"], /No such image: nope/);
    await refused(["load", "-i", "/not/there"], /^open \/not\/there: no such file or directory$/m);
    assert.deepEqual(
      readdirSync(mocker.dir).filter((name) => name.includes("none.tar")),
      [],
    );
    const bad = await mocker.run(["load"], { stdin: "no archive" });
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /is no valid archive/);
    assert.deepEqual(readdirSync(join(mocker.dataDir, "images", "ingest")), []);
  });

  test("an archive on a terminal is refused", async () => {
    const terminal = await mocker.terminal({ rows: 24, columns: 100 });
    await terminal.type(`${mocker.commandLine(["save", "box"])}; echo status $?`);
    await terminal.waitFor(
      /cowardly refusing to save to a terminal\. Use the -o flag or redirect[\s\S]*status 1/,
    );
    await terminal.type(`${mocker.commandLine(["load"])}; echo again $?`);
    await terminal.waitFor(/requested load from stdin, but stdin is empty[\s\S]*again 1/);
    await terminal.close();
  });

  test("interrupted, a load leaves a sound store", async () => {
    const ingest = join(mocker.dataDir, "images", "ingest");
    const load = mocker.start(["load"], { stdin: "" });
    load.stdin.write(readFileSync(join(mocker.dir, "box.tar")).subarray(0, 500_000));
    await retry(() => readdirSync(ingest).length > 0, { what: "the archive's beginning" });
    load.kill("SIGINT");
    assert.equal((await load.exited).code, 130);
    await retry(() => readdirSync(ingest).length === 0, { what: "an empty folder" });
    assert.match(await mocker.ok(["system", "check", "--deep"]), /no problems/);
  });
});

describe("names and ends of images", () => {
  test("tag, history, rmi and prune speak as Docker does", async () => {
    const mocker = await withBox();
    const id = await idOf(mocker, "box");
    const short = id.slice(7, 19);
    await mocker.ok(["tag", "box", "a/b:1"]);
    await mocker.ok(["image", "tag", "box", "a/b:2"]);
    assert.equal(await mocker.ok(["image", "history", "-q", "box"]), `${short}\n<missing>\n`);
    const vm = (await mocker.ok(["create", "--name", "web", "box", "true"])).trim();
    assert.equal(await mocker.ok(["rmi", "box"]), "Untagged: box:latest\n");
    const missing = await mocker.run(["rmi", "a/b:1", "nope"]);
    assert.equal(missing.code, 1);
    assert.equal(missing.stdout.toString(), "Untagged: a/b:1\n");
    assert.match(missing.stderr, /No such image: nope:latest/);
    const byName = await mocker.run(["rmi", "a/b:2"]);
    assert.equal(byName.code, 1);
    assert.match(
      byName.stderr,
      new RegExp(
        `conflict: unable to remove repository reference "a/b:2" \\(must force\\) - container ${vm.slice(0, 12)} is using its referenced image ${short}`,
      ),
    );
    const byId = await mocker.run(["rmi", short]);
    assert.match(
      byId.stderr,
      new RegExp(
        `conflict: unable to delete ${short} \\(must be forced\\) - image is being used by stopped container ${vm.slice(0, 12)}`,
      ),
    );
    assert.match(await mocker.ok(["image", "prune", "-af"]), /^Total reclaimed space: 0B\n$/);
    // Its VM can still be started.
    assert.equal(await mocker.ok(["rmi", "-f", short]), "Untagged: a/b:2\n");
    await mocker.ok(["start", "web"]);
    await mocker.ok(["wait", "web"]);
    await mocker.ok(["rm", "web"]);
    const asked = await mocker.run(["image", "prune"], { stdin: "n\n" });
    assert.equal(asked.code, 0);
    assert.match(
      asked.stdout.toString(),
      /WARNING! This will remove all dangling images\.\nAre you sure you want to continue\? \[y\/N\] $/m,
    );
    const pruned = await mocker.ok(["image", "prune"], { stdin: "y\n" });
    assert.match(
      pruned,
      new RegExp(
        `Deleted Images:\\ndeleted: ${id}\\ndeleted: sha256:[0-9a-f]{64}\\n\\nTotal reclaimed space: [0-9.]+MB`,
      ),
    );
    assert.equal(await mocker.ok(["images", "-q"]), "");
    await mocker.close();
  });

  test("system df counts what is there, system prune takes it away", async () => {
    const mocker = await withBox();
    await mocker.ok(["run", "box", "true"]);
    const rows = (await mocker.ok(["system", "df", "--format", "json"]))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, string>);
    assert.deepEqual(
      rows.map(({ Type, TotalCount, Active }) => [Type, TotalCount, Active]),
      [
        ["Images", "1", "1"],
        ["Containers", "1", "0"],
        ["Local Volumes", "0", "0"],
        ["Build Cache", "0", "0"],
      ],
    );
    assert.match(rows[0]?.Size ?? "", /^[0-9.]+MB$/);
    assert.match(await mocker.ok(["system", "df", "-v"]), /^box +latest +[0-9a-f]{12} .* 1$/m);
    const pruned = await mocker.ok(["system", "prune", "-af"]);
    assert.match(pruned, /^Deleted Containers:\n[0-9a-f]{64}\n\nDeleted Images:\nuntagged: box:latest\n/);
    assert.equal(await mocker.ok(["images", "-q"]), "");
    await mocker.close();
  });

  test("system check names what is damaged, and its VM's want of an image", async () => {
    const mocker = await withBox();
    await mocker.ok(["create", "--name", "web", "box", "true"]);
    assert.match(
      await mocker.ok(["system", "check"]),
      /^Checked 1 image, 3 blobs, 1 layer, 1 root disk, 1 VM: no problems\n$/,
    );
    const images = join(mocker.dataDir, "images");
    const [index = ""] = readdirSync(join(images, "layers")).filter((name) => name.endsWith(".index"));
    writeFileSync(join(images, "layers", index), "");
    const found = await mocker.run(["system", "check"]);
    assert.equal(found.code, 1);
    assert.match(
      found.stdout.toString(),
      /^error: converted layer [0-9a-f]{12} .* has a damaged index\n {2}Run: mocker system check --repair\n/,
    );
    assert.match(
      await mocker.ok(["system", "check", "--repair"]),
      /^repaired: .*: no problems, 1 repaired\n$/s,
    );
    assert.equal((await mocker.run(["start", "-a", "web"])).code, 0);
    assert.match(await mocker.ok(["system", "check", "--deep"]), /all contents: no problems/);
    await mocker.close();
  });

  test("two engines do not use one store", async () => {
    const mocker = await withBox();
    const second = await mocker.run(["images"], { env: { XDG_RUNTIME_DIR: join(mocker.dir, "t") } });
    assert.equal(second.code, 1);
    assert.match(
      second.stderr,
      /the mocker engine did not start: another engine uses .*\/d\/mocker\nhint: .*MOCKER_RUN_DIR/,
    );
    assert.doesNotMatch(second.stderr, /\n\s+at /);
    assert.match(await mocker.ok(["images"]), /^box /m);
    await mocker.close();
  });
});

describe("import", () => {
  test("a tar of a root file system, from a file, a pipe and a URL, becomes an image that runs", async () => {
    const mocker = await withBox();
    const tar = await makeTar([
      {
        name: "hello",
        mode: 0o755,
        content: readFileSync(join(rootDir(), "dist", "native", "mocker-hello")),
      },
    ]);
    const file = join(mocker.dir, "fs.tar");
    writeFileSync(file, tar);
    const server = createServer((request, response) => {
      response.statusCode = request.url === "/fs.tar" ? 200 : 404;
      response.end(tar);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const change = ["-c", 'CMD ["/hello"]'];
      assert.match(await mocker.ok(["import", ...change, file, "fs:file"]), /^sha256:[0-9a-f]{64}\n$/);
      await mocker.ok(["import", ...change, "-m", "piped", "-", "fs:pipe"], { stdin: tar });
      await mocker.ok(["import", ...change, `${url}/fs.tar`, "fs:url"]);
      for (const tag of ["file", "pipe", "url"])
        assert.notEqual(await mocker.ok(["run", "--rm", `fs:${tag}`]), "");
      assert.match(await mocker.ok(["history", "fs:pipe"]), /piped/);
      assert.match(await mocker.ok(["history", "fs:url"]), /Imported from http/);
      const absent = await mocker.run(["import", `${url}/none`, "x"]);
      assert.equal(absent.code, 1);
      assert.match(absent.stderr, /status 404/);
      const bad = await mocker.run(["import", "-", "x"], { stdin: "no tar" });
      assert.equal(bad.code, 1, bad.stdout.toString());
      assert.equal(await mocker.ok(["images", "-q", "x"]), "");
    } finally {
      server.close();
      await mocker.close();
    }
  });
});

// dockerd needs root.
if (process.getuid?.() === 0)
  describe("a real dockerd", () => {
    let dockerd: Dockerd;
    let mocker: Mocker;
    before(async () => {
      mocker = await withBox();
      dockerd = await startDockerd();
    });
    after(async () => {
      await dockerd?.stop();
      await mocker?.close();
    });

    test("loads what is saved: several images and names, with our IDs", async () => {
      await mocker.ok(["tag", "box", "a/b:1"]);
      await mocker.ok(["import", "-", "tiny:1"], { stdin: await makeTar([{ name: "x", content: "x" }]) });
      const file = join(mocker.dir, "for-docker.tar");
      await mocker.ok(["save", "-o", file, "box", "a/b", "tiny:1"]);
      const said = await dockerd.docker("load", "-i", file);
      for (const name of ["box:latest", "a/b:1", "tiny:1"]) {
        assert.match(said, new RegExp(`^Loaded image: ${name}$`, "m"));
        const id = await dockerd.docker("image", "inspect", "--format", "{{.Id}}", name);
        assert.equal(id.trim(), await idOf(mocker, name));
      }
    });

    test("saves what is loaded", async () => {
      const file = join(mocker.dir, "of-docker.tar");
      await dockerd.docker("save", "-o", file, "box", "tiny:1");
      const other = new Mocker();
      try {
        const said = await other.ok(["load", "-i", file]);
        assert.deepEqual(said.trim().split("\n").sort(), [
          "Loaded image: box:latest",
          "Loaded image: tiny:1",
        ]);
        assert.equal(await idOf(other, "box"), await idOf(mocker, "box"));
        assert.equal(await other.ok(["run", "--rm", "box", "echo", "ran"]), "ran\n");
      } finally {
        await other.close();
      }
    });

    test("gives its images to a pull from docker-daemon:", async () => {
      const other = new Mocker({ env: { DOCKER_HOST: dockerd.host } });
      try {
        await other.ok(["pull", "-q", "docker-daemon:box:latest"]);
        assert.equal(await idOf(other, "box"), await idOf(mocker, "box"));
        assert.equal(await other.ok(["run", "--rm", "box", "echo", "ran"]), "ran\n");
        const { code, stderr } = await other.run(["pull", "docker-daemon:nope:1"]);
        assert.equal(code, 1);
        assert.match(stderr, /cannot get nope:1 from docker-daemon: \w+: .*(does not exist|No such image)/s);
      } finally {
        await other.close();
      }
    });
  });
