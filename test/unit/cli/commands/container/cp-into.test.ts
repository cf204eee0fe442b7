import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { copyTo, MockerError, streamUpload } from "../../../../../engine/protocol/index.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { Setup, type Terminal } from "../../harness.ts";

describe("cp into a VM", () => {
  let setup: Setup;
  let received: Promise<Buffer> | undefined;
  let dir = "";
  before(async () => {
    setup = await Setup.create();
    setup.engine
      .handle(streamUpload, () => {
        received = undefined;
        return {
          upload: "u",
          stream: setup.engine.stream((peer) => {
            received = peer.until(() => peer.sawEndOfStdin()).then(() => peer.stdin());
          }),
        };
      })
      .handle(copyTo, async ({ vm, path }) => {
        if (vm === "nope") throw new MockerError("VM_NOT_FOUND", "No such container: nope");
        while (received === undefined) await new Promise(setImmediate);
        await received;
        return { path };
      });
  });
  after(() => setup.close());
  beforeEach(() => {
    dir = tmpDir();
    mkdirSync(join(dir, "tree", "inner"), { recursive: true, mode: 0o750 });
    writeFileSync(join(dir, "tree", "inner", "file"), "hi", { mode: 0o640 });
    linkSync(join(dir, "tree", "inner", "file"), join(dir, "tree", "z-hard"));
    symlinkSync("inner/file", join(dir, "tree", "link"));
    symlinkSync("tree", join(dir, "to-tree"));
    utimesSync(join(dir, "tree", "inner", "file"), 1_700_000_000.25, 1_700_000_000.25);
  });

  const run = async (
    args: string[],
    { stdin = "", terminal }: { stdin?: string; terminal?: Terminal } = {},
  ): Promise<{ code: number; stderr: string; stdout: string }> => {
    const { main } = await import("../../../../../engine/cli/program.ts");
    setup.engine.calls.length = 0;
    const io = setup.io(terminal ? { terminal } : {});
    io.stdin.end(stdin);
    const code = await main(["cp", ...args], io);
    return { code, stderr: io.errors(), stdout: io.output() };
  };
  /** What GNU tar lists of what was sent. */
  const sent = async (): Promise<string[]> => {
    const env = { ...process.env, TZ: "UTC", LC_ALL: "C" };
    const listing = execFileSync("tar", ["--numeric-owner", "-tvf", "-"], { input: await received, env });
    return listing
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/ +\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? /, " ").replace(/ +/g, " "));
  };
  const owner = `${process.getuid?.()}/${process.getgid?.()}`;

  test("a directory goes with its owners, modes, times and links", async () => {
    const { code, stderr } = await run([join(dir, "tree"), "c:/data"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(setup.engine.paramsOf("copy/to"), {
      vm: "c",
      path: "/data",
      upload: "u",
      source: { name: "tree", isDirectory: true },
    });
    assert.deepEqual(await sent(), [
      `drwxr-x--- ${owner} 0 tree/`,
      `drwxr-x--- ${owner} 0 tree/inner/`,
      `-rw-r----- ${owner} 2 tree/inner/file`,
      `lrwxrwxrwx ${owner} 0 tree/link -> inner/file`,
      `hrw-r----- ${owner} 0 tree/z-hard link to tree/inner/file`,
    ]);
    assert.match(String(await received), /mtime=1700000000\.25/);
  });

  test("which of several things is copied is told as to Docker", async () => {
    const sources: [args: string[], name: string, isDirectory: boolean][] = [
      [["tree/."], ".", true],
      [["tree/"], "tree", true],
      [["to-tree"], "to-tree", false],
      [["-L", "to-tree"], "to-tree", true],
      [["to-tree/"], "to-tree", true],
      [["tree/link"], "link", false],
      [["-L", "tree/link"], "link", false],
    ];
    for (const [args, name, isDirectory] of sources) {
      const { code, stderr } = await run([...args.slice(0, -1), `${dir}/${args.at(-1)}`, "c:x"]);
      assert.equal(code, 0, stderr);
      const { source, path } = setup.engine.paramsOf("copy/to") as { source: object; path: string };
      assert.deepEqual(source, { name, isDirectory }, args.join(" "));
      assert.equal(path, "x");
      const [first = ""] = await sent();
      assert.equal(first.includes(" -> "), !isDirectory && args[0] !== "-L", first);
    }
    const file = await run([join(dir, "tree", "link/"), "c:/x"]);
    assert.deepEqual([file.code, file.stderr], [1, `lstat ${dir}/tree/link/: not a directory\n`]);
  });

  test("a tar on standard input goes as it is; sockets are left out, and that is said", async () => {
    assert.equal((await run(["-", "c:/data"], { stdin: "tar" })).code, 0);
    assert.equal(String(await received), "tar");
    assert.deepEqual(setup.engine.paramsOf("copy/to"), { vm: "c", path: "/data", upload: "u" });
    const server = createServer().listen(join(dir, "tree", "inner", "socket"));
    const { stderr } = await run([join(dir, "tree", "inner"), "c:/data"]);
    server.close();
    assert.equal(stderr, `mocker: left out, as they are sockets: ${dir}/tree/inner/socket\n`);
    assert.equal((await sent()).length, 2);
  });

  test("on a terminal it says how much it was, but for -q; what the engine says is told", async () => {
    const terminal = { rows: 24, columns: 80 };
    const loud = await run([join(dir, "tree"), "c:/data"], { terminal });
    assert.match(loud.stderr, /Successfully copied [0-9.]+kB to c:\/data\n$/);
    assert.equal((await run(["-q", join(dir, "tree"), "c:/data"], { terminal })).stderr, "");
    const unknown = await run([join(dir, "tree"), "nope:/data"]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /^mocker: No such container: nope$/m);
  });
});
