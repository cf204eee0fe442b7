import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, test } from "node:test";
import { PullDisplay } from "../../../../../engine/cli/output/pull-progress.ts";
import { main } from "../../../../../engine/cli/program.ts";
import { imagePull, MockerError, vmCreate } from "../../../../../engine/protocol/index.ts";
import { Setup } from "../../harness.ts";

const digest = `sha256:${"d1".repeat(32)}`;
const result = { id: "sha256:1", digest, reference: "docker.io/library/alpine:latest", upToDate: false };

describe("pull", () => {
  let setup: Setup;
  beforeEach(async () => {
    setup = await Setup.create();
  });
  afterEach(() => setup.close());

  test("files are the caller's, and so is the daemon of docker-daemon:", async () => {
    setup.engine.handle(imagePull, () => result);
    const asked = async (reference: string, env = {}): Promise<unknown> => {
      await setup.run(["pull", "-q", reference], env);
      return setup.engine.paramsOf("image/pull");
    };
    assert.deepEqual(await asked("oci:./ol:deb"), { reference: `oci:${setup.dir}/ol:deb` });
    setup.engine.calls.length = 0;
    assert.deepEqual(await asked("docker-archive:/a.tar"), { reference: "docker-archive:/a.tar" });
    setup.engine.calls.length = 0;
    assert.deepEqual(await asked("docker-daemon:x", { DOCKER_HOST: "unix:///d.sock" }), {
      reference: "docker-daemon:x",
      dockerHost: "unix:///d.sock",
    });
  });

  test("without a terminal, lines tell what changed", async () => {
    setup.engine.handle(imagePull, ({ progressToken = "" }, { progress }) => {
      const report = (layer: string, status: string, more = {}): void =>
        progress(progressToken, { layer, status, ...more });
      report("", "pulling", { message: "Pulling from registry/alpine" });
      report("aaaaaaaaaaaa", "exists");
      report("bbbbbbbbbbbb", "pulling");
      report("bbbbbbbbbbbb", "waiting");
      report("", "retrying", { message: "connect ECONNREFUSED; trying again in 1 s" });
      for (const currentBytes of [1, 2, 3])
        report("bbbbbbbbbbbb", "downloading", { currentBytes, totalBytes: 3 });
      report("bbbbbbbbbbbb", "retrying", { message: "connection reset, again in 1 s" });
      report("bbbbbbbbbbbb", "verifying");
      report("bbbbbbbbbbbb", "preparing", { currentBytes: 1, totalBytes: 3 });
      report("bbbbbbbbbbbb", "preparing", { currentBytes: 2, totalBytes: 3 });
      report("bbbbbbbbbbbb", "complete");
      return result;
    });
    assert.deepEqual(await setup.run(["pull", "alpine"]), {
      code: 0,
      stdout: `Using default tag: latest
latest: Pulling from library/alpine
aaaaaaaaaaaa: Already exists
bbbbbbbbbbbb: Pulling fs layer
bbbbbbbbbbbb: Waiting
connect ECONNREFUSED; trying again in 1 s
bbbbbbbbbbbb: Retrying: connection reset, again in 1 s
bbbbbbbbbbbb: Verifying Checksum
bbbbbbbbbbbb: Download complete
bbbbbbbbbbbb: Pull complete
Digest: ${digest}
Status: Downloaded newer image for alpine:latest
docker.io/library/alpine:latest
`,
      stderr: "",
    });
  });

  test("-q prints the reference alone, and asks for no progress", async () => {
    setup.engine.handle(imagePull, () => ({ ...result, upToDate: true }));
    const quiet = await setup.run(["image", "pull", "-q", "--platform", "linux/arm64", "alpine"]);
    assert.deepEqual(quiet, { code: 0, stdout: "docker.io/library/alpine:latest\n", stderr: "" });
    assert.deepEqual(setup.engine.calls[0]?.params, { reference: "alpine", platform: "linux/arm64" });
    assert.match(
      (await setup.run(["pull", "alpine:3"])).stdout,
      /^Digest: .*\nStatus: Image is up to date for alpine:3\n/,
    );
  });

  test("a pull that fails", async () => {
    setup.engine.handle(imagePull, () => {
      throw new MockerError("UNAUTHORIZED", "pull access denied for private", { hint: "docker login first" });
    });
    assert.deepEqual(await setup.run(["pull", "private:1"]), {
      code: 1,
      stdout: "",
      stderr: "mocker: pull access denied for private\nhint: docker login first\n",
    });
  });

  test("what is no name gets no default tag", async () => {
    setup.engine.handle(imagePull, () => {
      throw new MockerError("INVALID_REFERENCE", "invalid reference format");
    });
    for (const wrong of ["a b", "https://x.example/y", "", "a".repeat(64), "-a/b", "Upper"]) {
      const { code, stdout } = await setup.run(["pull", "--", wrong]);
      assert.deepEqual([code, stdout], [1, ""], wrong);
    }
    for (const right of ["alpine", "localhost:5000/a/b-c_d__e.f", "[::1]:5000/a", "Host.example/a"])
      assert.equal((await setup.run(["pull", right])).stdout, "Using default tag: latest\n", right);
  });

  for (const verb of ["pull", "run", "create"]) {
    test(`Ctrl-C of ${verb} cancels it in the engine and exits 130, without a word`, async () => {
      let cancelled = false;
      let begun: () => void = () => undefined;
      const running = new Promise<void>((resolve) => {
        begun = resolve;
      });
      setup.engine.handle(imagePull, async (_, { token }) => {
        begun();
        await new Promise<void>((resolve) => token.onCancellationRequested(() => resolve()));
        cancelled = true;
        throw new MockerError("CANCELLED", "cancelled");
      });
      setup.engine.handle(vmCreate, () => {
        throw new MockerError("IMAGE_NOT_FOUND", "No such image: alpine:3");
      });
      const io = setup.io();
      const code = main([verb, "alpine:3"], io);
      await running;
      io.signal("SIGINT");
      assert.equal(await code, 130);
      assert.ok(cancelled);
      assert.equal(io.errors(), verb === "pull" ? "" : "Unable to find image 'alpine:3' locally\n");
      assert.ok(!io.listens("SIGINT"));
    });
  }
});

/** What a terminal shows after these bytes: just the control sequences that the display uses. */
function screen(bytes: string): string[] {
  const lines = [""];
  let row = 0;
  for (const part of bytes.match(/\u001b\[\d*[A-Z]|\n|[^\u001b\n\r]+/g) ?? []) {
    const control = /^\u001b\[(\d*)([A-Z])$/.exec(part);
    if (part === "\n") row++;
    else if (control?.[2] === "F") row -= Number(control[1]);
    else if (control?.[2] === "J") lines.splice(row);
    else if (control?.[2] === "K") continue;
    else lines[row] = part;
    while (lines.length <= row) lines.push("");
  }
  return lines;
}

describe("progress on a terminal", () => {
  const terminal = (columns: number, rows: number): { out: PassThrough; shown: () => string[] } => {
    const out = Object.assign(new PassThrough(), { isTTY: true, columns, rows });
    let bytes = "";
    out.on("data", (chunk: Buffer) => {
      bytes += chunk.toString();
    });
    return { out, shown: () => screen(bytes) };
  };

  test("each layer has its line, redrawn in place", async () => {
    const { out, shown } = terminal(120, 24);
    const display = new PullDisplay(out, "latest: Pulling from library/alpine");
    display.report({ layer: "aaa", status: "downloading", currentBytes: 500_000, totalBytes: 1_000_000 });
    display.report({ layer: "bbb", status: "waiting" });
    await new Promise((resolve) => setTimeout(resolve, 80));
    const half = `${"=".repeat(25)}>`.padEnd(51);
    assert.deepEqual(shown(), [
      "latest: Pulling from library/alpine",
      `aaa: Downloading [${half}]    500kB/1MB`,
      "bbb: Waiting",
      "",
    ]);
    display.report({ layer: "aaa", status: "complete" });
    display.report({ layer: "bbb", status: "exists" });
    display.finish();
    out.write("Status: done\n");
    assert.deepEqual(shown(), [
      "latest: Pulling from library/alpine",
      "aaa: Pull complete",
      "bbb: Already exists",
      "Status: done",
      "",
    ]);
  });

  test("more layers than rows: those that are done make room", () => {
    const { out, shown } = terminal(80, 6);
    const display = new PullDisplay(out, undefined);
    for (let i = 0; i < 10; i++) display.report({ layer: `l${i}`, status: i < 8 ? "complete" : "pulling" });
    display.finish();
    assert.deepEqual(shown(), [
      "l8: Pulling fs layer",
      "l9: Pulling fs layer",
      "l0: Pull complete",
      "l1: Pull complete",
      "",
    ]);
  });

  test("a layer that is there is extracted", () => {
    const { out, shown } = terminal(80, 24);
    const display = new PullDisplay(out, undefined);
    display.report({ layer: "aaa", status: "preparing" });
    display.report({ layer: "bbb", status: "preparing", currentBytes: 1000, totalBytes: 2000 });
    display.finish();
    assert.deepEqual(shown(), ["aaa: Download complete", "bbb: Extracting 1kB/2kB", ""]);
  });

  test("what is transferred says how fast, by its latest seconds", () => {
    const { out, shown } = terminal(80, 24);
    let nowMs = 0;
    const display = new PullDisplay(out, undefined, undefined, () => nowMs);
    const at = (ms: number, megabytes: number): string | undefined => {
      nowMs = ms;
      const [currentBytes, totalBytes] = [megabytes * 1e6, 100e6];
      display.report({ layer: "aaa", status: "downloading", currentBytes, totalBytes });
      display.finish();
      return shown().at(-2);
    };
    // What was there before counts for nothing.
    assert.equal(at(0, 50), "aaa: Downloading 50MB/100MB");
    assert.equal(at(500, 51), "aaa: Downloading 51MB/100MB");
    assert.equal(at(2000, 54), "aaa: Downloading 54MB/100MB  2MB/s");
    assert.equal(at(12_000, 64), "aaa: Downloading 64MB/100MB  1MB/s");
    assert.equal(at(12_100, 3), "aaa: Downloading 3MB/100MB", "it has begun anew");
  });
});
