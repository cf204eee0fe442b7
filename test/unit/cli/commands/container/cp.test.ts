import assert from "node:assert/strict";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { copyFrom, FrameType, MockerError } from "../../../../../engine/protocol/index.ts";
import { type Entry, makeTar } from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { type Result, runOffline, Setup } from "../../harness.ts";

describe("cp", () => {
  let setup: Setup;
  let tar: Buffer = Buffer.alloc(0);
  let exitCode = 0;
  let dir = "";
  before(async () => {
    setup = await Setup.create();
    setup.engine.handle(copyFrom, ({ source }) => {
      if (source === "nope:/x") throw new MockerError("VM_NOT_FOUND", "No such container: nope");
      return {
        stream: setup.engine.stream((peer) => {
          // In pieces that fit nothing.
          for (let at = 0; at < tar.length; at += 700)
            peer.send(FrameType.stdout, tar.subarray(at, at + 700));
          peer.exit(exitCode);
        }),
        name: "c",
        path: source.slice(source.indexOf(":") + 1),
      };
    });
  });
  after(() => setup.close());
  beforeEach(() => {
    dir = tmpDir();
  });
  afterEach(() => {
    exitCode = 0;
  });

  const copy = async (entries: Entry[], ...args: string[]): Promise<Result> => {
    tar = await makeTar(entries);
    return await setup.run(["cp", ...args]);
  };
  const folder: Entry[] = [
    { name: "d/", type: "directory", mode: 0o750 },
    { name: "d/inner/", type: "directory", mode: 0o500 },
    { name: "d/inner/file", content: "hi", mode: 0o4711 },
    { name: "d/link", type: "symlink", linkname: "../../../outside" },
    { name: "d/hard", type: "link", linkname: "d/inner/file" },
  ];
  const ok = ({ code, stderr }: Result): void => assert.equal(code, 0, stderr);
  const says = ({ code, stderr }: Result, message: RegExp): void => {
    assert.equal(code, 1, stderr);
    assert.match(stderr, message);
  };

  test("times that no file system holds do not keep a file from being copied", async () => {
    const times = { early: "-35184372088832", late: "35184372088832" };
    for (const [name, mtime] of Object.entries(times)) {
      ok(await copy([{ name, content: "x", pax: { mtime } }], `c:/${name}`, dir));
      assert.equal(readFileSync(join(dir, name), "utf8"), "x");
    }
  });

  test("a folder: into one that is there, under a new name, its contents alone", async () => {
    ok(await copy(folder, "c:/d", dir));
    assert.deepEqual(readdirSync(join(dir, "d")).sort(), ["hard", "inner", "link"]);
    assert.equal(readlinkSync(join(dir, "d", "link")), "../../../outside");
    assert.equal(statSync(join(dir, "d")).mode & 0o7777, 0o750);
    assert.equal(statSync(join(dir, "d", "inner")).mode & 0o7777, 0o500);
    const file = statSync(join(dir, "d", "hard"));
    assert.equal(file.nlink, 2);
    assert.equal(file.mode & 0o7777, 0o711, "no setuid bit without its owner");
    assert.equal(file.mtime.toISOString(), "2024-01-02T03:04:05.000Z");
    ok(await copy(folder, "c:/d", `${dir}/`));
    ok(await copy(folder, "c:/d", join(dir, "new")));
    ok(await copy(folder, "c:/d", `${join(dir, "slash")}/`));
    const contents = folder.map((entry) => ({
      ...entry,
      name: entry.name.replace(/^d/, "."),
      ...(entry.type === "link" ? { linkname: "./inner/file" } : {}),
    }));
    ok(await copy(contents, "c:/d/.", join(dir, "dot")));
    mkdirSync(join(dir, "there"), { mode: 0o711 });
    ok(await copy(contents, "c:/d/.", join(dir, "there")));
    assert.equal(statSync(join(dir, "there")).mode & 0o777, 0o711, "what it is copied into stays as it is");
    for (const name of ["new", "slash", "dot", "there"])
      assert.equal(readFileSync(join(dir, name, "hard"), "utf8"), "hi", name);
  });

  test("a file: into a folder, under a new name, in place of another", async () => {
    const file = [{ name: "f", content: "new" }];
    ok(await copy(file, "c:/f", dir));
    ok(await copy(file, "c:/f", join(dir, "g")));
    writeFileSync(join(dir, "old"), "old and longer");
    ok(await copy(file, "c:/f", join(dir, "old")));
    mkdirSync(join(dir, "folder"));
    symlinkSync("folder", join(dir, "to-folder"));
    symlinkSync("fresh", join(dir, "to-fresh"));
    ok(await copy(file, "c:/f", join(dir, "to-folder")));
    ok(await copy(file, "c:/f", join(dir, "to-fresh")));
    for (const name of ["f", "g", "old", "folder/f", "fresh"])
      assert.equal(readFileSync(join(dir, name), "utf8"), "new", name);
  });

  test("what Docker refuses is refused in its words", async () => {
    const file = [{ name: "f", content: "new" }];
    writeFileSync(join(dir, "file"), "old");
    says(await copy(folder, "c:/d", join(dir, "file")), /^cannot copy directory$/m);
    says(await copy(file, "c:/f", `${join(dir, "none")}/`), /^no such directory$/m);
    says(await copy(file, "c:/f", `${join(dir, "file")}/`), /^not a directory$/m);
    says(
      await copy(file, "c:/f", join(dir, "no", "dir")),
      /^invalid output path: directory "\S+\/no" does not exist$/m,
    );
    says(
      await copy(file, "c:/f", "/dev/null"),
      /^invalid output path: "\/dev\/null" must be a directory or a regular file$/m,
    );
    mkdirSync(join(dir, "f"));
    says(await copy(file, "c:/f", dir), /^cannot overwrite directory "\S+\/f" with non-directory "\S+"$/m);
    writeFileSync(join(dir, "d"), "");
    says(await copy(folder, "c:/d", dir), /^cannot overwrite non-directory "\S+\/d" with directory "\S+"$/m);
    says(await copy(file, "nope:/x", dir), /^mocker: No such container: nope$/m);
    exitCode = 2;
    tar = Buffer.alloc(0);
    says(await setup.run(["cp", "c:/x", dir]), /^mocker: Could not find the file \/x in container c$/m);
    assert.equal(readFileSync(join(dir, "file"), "utf8"), "old");
    for (const [args, message] of [
      [["a", "b"], /^must specify at least one container source$/m],
      [["./c:d", "b"], /^must specify at least one container source$/m],
      [["c:/a", "d:/b"], /^copying between containers is not supported$/m],
      [["", "b"], /^source can not be empty$/m],
      [["c:/a", ""], /^destination can not be empty$/m],
      [["./none", "c:/b"], /^lstat \/none: no such file or directory$/m],
    ] as const)
      says(await runOffline(["cp", ...args]), message);
  });

  test("to standard output goes the archive as it is", async () => {
    tar = await makeTar(folder);
    const io = setup.io();
    const { main } = await import("../../../../../engine/cli/program.ts");
    assert.equal(await main(["cp", "-L", "c:/d", "-"], io), 0);
    assert.ok(io.stdoutBytes().equals(tar));
    assert.deepEqual(setup.engine.calls.at(-1)?.params, { source: "c:/d", followLink: true });
  });

  test("on a terminal it says how much it was, but for -q", async () => {
    const { main } = await import("../../../../../engine/cli/program.ts");
    tar = await makeTar([{ name: "f", content: "x" }]);
    const terminal = { rows: 24, columns: 80 };
    const loud = setup.io({ terminal });
    assert.equal(await main(["cp", "c:/f", dir], loud), 0);
    assert.match(loud.errors(), new RegExp(`^Successfully copied [0-9.]+kB to ${dir}\n$`));
    const quiet = setup.io({ terminal });
    assert.equal(await main(["cp", "-q", "c:/f", dir], quiet), 0);
    assert.equal(quiet.errors(), "");
  });

  test("devices and pipes are left out, and that is said", async () => {
    const result = await copy(
      [
        { name: "dev/", type: "directory" },
        { name: "dev/null", type: "character-device", devmajor: 1, devminor: 3 },
        { name: "dev/pipe", type: "fifo" },
        { name: "dev/x", content: "x" },
      ],
      "c:/dev",
      dir,
    );
    ok(result);
    assert.match(result.stderr, /left out, as they are devices or pipes: \S+\/dev\/null, \S+\/dev\/pipe\n$/);
    assert.deepEqual(readdirSync(join(dir, "dev")), ["x"]);
  });

  test("names with control characters do not reach the terminal", async () => {
    const evil = "d/\u001b]0;x\u0007\u009b31m";
    const skipped = await copy(
      [
        { name: "d/", type: "directory" },
        { name: evil, type: "fifo" },
      ],
      "c:/d",
      dir,
    );
    const refused = await copy(
      [
        { name: "d/", type: "directory" },
        { name: `${evil}/`, type: "directory" },
        { name: evil, content: "x" },
      ],
      "c:/d",
      dir,
    );
    const failed = await copy(
      [{ name: `d/${evil}${"x".repeat(250)}`, content: "x" }],
      "c:/d",
      join(dir, "n"),
    );
    says(failed, /./);
    for (const { stderr } of [skipped, refused, failed]) {
      assert.match(stderr, /31m/);
      assert.doesNotMatch(stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    }
  });

  test("with -a, and as root, owners and setuid bits are kept", {
    skip: process.getuid?.() !== 0,
  }, async () => {
    ok(
      await copy(
        [
          { name: "d/", type: "directory", uid: 7, gid: 8 },
          { name: "d/f", content: "x", uid: 5, gid: 6, mode: 0o4755 },
          { name: "d/l", type: "symlink", linkname: "f", uid: 9, gid: 9 },
        ],
        "-a",
        "c:/d",
        dir,
      ),
    );
    const owner = (name: string): number[] => {
      const { uid, gid, mode } = lstatSync(join(dir, name));
      return [uid, gid, mode & 0o7777];
    };
    assert.deepEqual(owner("d").slice(0, 2), [7, 8]);
    assert.deepEqual(owner("d/f"), [5, 6, 0o4755]);
    assert.deepEqual(owner("d/l").slice(0, 2), [9, 9]);
  });

  describe("an archive of a hostile VM writes nothing outside of the destination", () => {
    const d: Entry = { name: "d/", type: "directory" };
    const attacks: Record<string, Entry[]> = {
      "an absolute name": [d, { name: "/d/x", content: "evil" }],
      "an absolute first name": [{ name: "/victim", content: "evil" }],
      "dots on the way": [d, { name: "d/../../victim", content: "evil" }],
      "dots at first": [{ name: "../victim", content: "evil" }],
      "dots alone": [{ name: "..", type: "directory" }],
      "another file at first": [{ name: ".bashrc", content: "evil" }],
      "another directory at first": [
        { name: ".ssh/", type: "directory" },
        { name: ".ssh/authorized_keys", content: "evil" },
      ],
      "what is asked for, then a file beside it": [d, { name: ".bashrc", content: "evil" }],
      "the contents alone, where the directory was asked for": [
        { name: "./", type: "directory" },
        { name: "./.bashrc", content: "evil" },
      ],
      "another tree": [d, { name: "victim", content: "evil" }],
      "a name that begins as the first": [d, { name: "dd", content: "evil" }],
      "a link, and something in it": [
        d,
        { name: "d/l", type: "symlink", linkname: ".." },
        { name: "d/l/victim", content: "evil" },
      ],
      "the first is a link, and something is in it": [
        { name: "d", type: "symlink", linkname: "." },
        { name: "d/victim", content: "evil" },
      ],
      "a link in a link": [
        d,
        { name: "d/a", type: "symlink", linkname: "../.." },
        { name: "d/a/b/", type: "directory" },
      ],
      "a folder that becomes a link": [
        d,
        { name: "d/e/", type: "directory" },
        { name: "d/e/x", content: "" },
        { name: "d/e", type: "symlink", linkname: "../.." },
        { name: "d/e/victim", content: "evil" },
      ],
      "a hard link to outside": [
        d,
        { name: "d/h", type: "link", linkname: "d/../../secret" },
        { name: "d/h", content: "evil" },
      ],
      "a hard link through a link": [
        d,
        { name: "d/l", type: "symlink", linkname: "../.." },
        { name: "d/h", type: "link", linkname: "d/l/secret" },
      ],
      "a hard link to a link": [
        d,
        { name: "d/l", type: "symlink", linkname: "../../secret" },
        { name: "d/h", type: "link", linkname: "d/l" },
      ],
    };
    for (const [what, entries] of Object.entries(attacks))
      test(what, async () => {
        writeFileSync(join(dir, "secret"), "precious");
        const destination = join(dir, "destination");
        mkdirSync(destination);
        says(await copy(entries, "c:/d", destination), /the archive that came is not valid|cannot overwrite/);
        assert.deepEqual(readdirSync(dir).sort(), ["destination", "secret"]);
        assert.equal(readFileSync(join(dir, "secret"), "utf8"), "precious");
        assert.deepEqual(
          readdirSync(destination).filter((name) => name !== "d"),
          [],
        );
        assert.equal(statSync(join(dir, "secret")).nlink, 1);
      });

    test("the contents of a directory: only an archive of contents is taken", async () => {
      const destination = join(dir, "destination");
      mkdirSync(destination);
      for (const source of ["c:/d/.", "c:/"]) {
        says(
          await copy([{ name: ".bashrc", content: "evil" }], source, destination),
          /begins with ".bashrc"/,
        );
        says(await copy([d, { name: "d/x", content: "evil" }], source, destination), /begins with "d\/"/);
      }
      assert.deepEqual(readdirSync(destination), []);
    });

    test("a file in place of a link replaces the link, not what it points to", async () => {
      writeFileSync(join(dir, "secret"), "precious");
      const destination = join(dir, "destination");
      mkdirSync(destination);
      const entries: Entry[] = [
        d,
        { name: "d/l", type: "symlink", linkname: "../../secret" },
        { name: "d/l", content: "new" },
      ];
      ok(await copy(entries, "c:/d", destination));
      assert.equal(readFileSync(join(dir, "secret"), "utf8"), "precious");
      assert.equal(readFileSync(join(destination, "d", "l"), "utf8"), "new");
    });

    test("one that is cut, empty or no archive is an error", async () => {
      for (const bytes of [
        Buffer.alloc(0),
        Buffer.from("no archive".repeat(100)),
        (await makeTar(folder)).subarray(0, 1537),
      ]) {
        tar = bytes;
        says(await setup.run(["cp", "c:/d", dir]), /not valid|tar/);
      }
      assert.deepEqual(readdirSync(join(dir, "d")), ["inner"], "no part of a file");
      assert.deepEqual(readdirSync(join(dir, "d", "inner")), []);
    });
  });
});
