import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, before, test } from "node:test";
import { createExt4Image } from "../../engine/common/ext4-image.ts";
import { needPrograms, runTool } from "../support/host.ts";
import { tmpDir } from "../support/tmp-dir.ts";
import { withoutNamespaces } from "./jail/without-namespaces.ts";
import { type Json, Vm, type VmOptions } from "./vm.ts";

before(() => needPrograms({ getfattr: "attr", losetup: "mount" }));

let vm: Vm | undefined;
afterEach(async () => {
  await vm?.dispose();
  vm = undefined;
});

/**
 * A VM whose image was changed by `prepare` and that has `mounts` of the folder `vol` and the file `file`.
 */
async function withMounts(
  mounts: (dir: string) => Json[],
  prepare: (lower: string) => void = () => {},
  options: VmOptions = {},
): Promise<Vm> {
  vm = await Vm.boot({ prepare, ...options });
  mkdirSync(join(vm.dir, "vol/sub"), { recursive: true });
  writeFileSync(join(vm.dir, "vol/f"), "in the volume\n");
  writeFileSync(join(vm.dir, "file"), "a file\n");
  await vm.configure({ mounts: mounts(vm.dir) });
  return vm;
}

const bind = (source: string, target: string, readOnly = false): Json => ({
  kind: "bind",
  source,
  target,
  readOnly,
});

test("a folder, writable and read-only, a file, and a tmpfs", async () => {
  const box = await withMounts((dir) => [
    bind(join(dir, "vol"), "/data"),
    bind(join(dir, "vol"), "/new/deep/ro", true),
    bind(join(dir, "file"), "/etc/app.conf"),
    { kind: "tmpfs", target: "/scratch", sizeBytes: 1 << 20 },
  ]);
  const script = [
    "cat /data/f /new/deep/ro/f /etc/app.conf",
    "echo x >/data/w && cat /new/deep/ro/w",
    "echo y 2>/dev/null >/new/deep/ro/z || echo refused",
    "head -c 2000000 /dev/zero >/scratch/big 2>/dev/null || echo full",
    "grep -E ' /scratch ' /proc/mounts | grep -c nosuid,nodev,noexec",
  ].join("\n");
  const { stdout } = await box.run(["sh", "-c", script]);
  assert.equal(stdout, "in the volume\nin the volume\na file\nx\nrefused\nfull\n1\n");
  assert.equal(readFileSync(join(box.dir, "vol/w"), "utf8"), "x\n");
});

test("a volume over what the image has", async () => {
  const box = await withMounts((dir) => [bind(join(dir, "vol"), "/etc")]);
  const { stdout } = await box.run(["ls", "/etc"]);
  assert.match(stdout, /^f\n/);
});

const hostile: [name: string, prepare: (lower: string) => void, target: string][] = [
  ["an absolute link", (lower) => symlinkSync("/", join(lower, "link")), "/link/escaped"],
  ["a link up", (lower) => symlinkSync("../../../../../../..", join(lower, "link")), "/link/escaped"],
  ["a dangling link", (lower) => symlinkSync("/../../escaped", join(lower, "link")), "/link"],
  ["dots in the target", () => {}, "/a/../../../../escaped"],
  [
    "a chain of links",
    (lower) => {
      symlinkSync("/two/x", join(lower, "one"));
      symlinkSync("../../..", join(lower, "two"));
      symlinkSync("/../../../tmp/..", join(lower, "x"));
    },
    "/one/escaped",
  ],
  ["a link through /proc", (lower) => symlinkSync("/proc/1/root", join(lower, "link")), "/link/escaped"],
];
for (const [name, prepare, target] of hostile) {
  test(`a volume's target does not leave the image: ${name}`, async () => {
    rmSync("/escaped", { recursive: true, force: true });
    const box = await withMounts((dir) => [bind(join(dir, "vol"), target)], prepare).catch(
      (error: Error) => error,
    );
    assert.ok(!existsSync("/escaped"), "created on the host");
    if (box instanceof Error) {
      assert.match(box.message, /^mounting \/link\/escaped: /);
      return;
    }
    const { stdout } = await box.run(["cat", "/escaped/f"]);
    assert.equal(stdout, "in the volume\n");
    assert.ok(!existsSync("/escaped"));
  });
}

test("a link that goes round in circles is an error", async () => {
  const prepare = (lower: string): void => symlinkSync("loop", join(lower, "loop"));
  await assert.rejects(
    withMounts((dir) => [bind(join(dir, "vol"), "/loop/x")], prepare),
    {
      message: "mounting /loop/x: /loop/x: too many levels of symbolic links",
    },
  );
});

test("hostile links in the place of Docker's files", async () => {
  const paths = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/passwd"];
  const texts = (): string[] => paths.map((path) => (existsSync(path) ? readFileSync(path, "utf8") : ""));
  const before = texts();
  const prepare = (lower: string): void => {
    symlinkSync("/etc/passwd", join(lower, "etc/hosts"));
    symlinkSync("../../../../../../etc/hostname", join(lower, "etc/hostname"));
    execFileSync("/bin/busybox", ["mkfifo", join(lower, "etc/resolv.conf")]);
  };
  const box = await withMounts(() => [], prepare);
  assert.deepEqual(texts(), before);
  const { stdout } = await box.run([
    "sh",
    "-c",
    "cat /etc/hostname /etc/resolv.conf; head -n1 /etc/passwd; cat /etc/hosts",
  ]);
  assert.match(
    stdout,
    /^box\nnameserver 192\.0\.2\.53\nsearch example\noptions ndots:1\nroot:x:0:0.*\n127\.0\.0\.1\tlocalhost/,
  );
});

for (const name of ["proc", "sys", "dev"]) {
  test(`an image whose /${name} is a link is refused`, async () => {
    const devices = readdirSync("/dev").length;
    const prepare = (lower: string): void => symlinkSync("/etc/../../..", join(lower, name));
    await assert.rejects(
      withMounts(() => [], prepare),
      { message: `/${name}: is not an ordinary directory in the image` },
    );
    assert.equal(readdirSync("/dev").length, devices);
  });
}

test("errors name the target", async () => {
  await assert.rejects(
    withMounts((dir) => [bind(join(dir, "nothing"), "/data")]),
    {
      message: /^mounting \/data: cannot bind \/tmp\/.*\/nothing: no such file or directory$/,
    },
  );
  await vm?.dispose();
  await assert.rejects(
    withMounts((dir) => [bind(join(dir, "file"), "/etc")]),
    {
      message: "mounting /etc: /etc: is a directory in the image, but the source is a file",
    },
  );
  await vm?.dispose();
  await assert.rejects(
    withMounts((dir) => [bind(join(dir, "vol"), "/..")]),
    { message: "mounts: target: must not be /" },
  );
});

/** Everything in a directory of the guest, with what can be told of it. */
const listing = `find . -exec stat -c '%n %F %a %u %g %h %s %Y' {} + | sed 's/^\\(. directory.* \\)[0-9]* /\\1/' | sort`;

function shell(script: string, path: string): string {
  return execFileSync("sh", ["-c", script, "sh", path], { encoding: "utf8" });
}

function sampleTree(lower: string): void {
  const top = join(lower, "data");
  mkdirSync(join(top, "inner/deep"), { recursive: true });
  writeFileSync(join(top, "inner/file"), "x".repeat(3_000_000));
  writeFileSync(join(top, "inner/private"), "secret\n", { mode: 0o600 });
  writeFileSync(join(top, "program"), "#!/bin/sh\n");
  writeFileSync(join(top, "readonly"), "r\n", { mode: 0o400 });
  linkSync(join(top, "inner/file"), join(top, "again"));
  symlinkSync("/nowhere", join(top, "link"));
  execFileSync("/bin/busybox", ["mkfifo", join(top, "fifo")]);
  shell('setfattr -n user.mocker -v value "$1"', join(top, "inner/private"));
  chownSync(join(top, "inner/private"), 999, 998);
  chownSync(join(top, "program"), 7, 7);
  chmodSync(join(top, "program"), 0o4755);
  lchownSync(join(top, "link"), 12, 13);
  chownSync(top, 999, 999);
  chmodSync(top, 0o2750);
  for (const path of ["inner/deep", "inner", "program", "."]) utimesSync(join(top, path), 1e9, 1e9 + 1);
}

test("a new volume gets everything that the image has at its place", async () => {
  const box = await withMounts(
    (dir) => [{ ...bind(join(dir, "new"), "/data"), fill: true }],
    (lower) => {
      sampleTree(lower);
      mkdirSync(join(lower, "../new"));
    },
  );
  const seen = await box.run(["sh", "-c", `cd /data && ${listing}`]);
  const image = execFileSync("sh", ["-c", `cd "$1" && ${listing}`, "sh", join(box.dir, "lower/data")]);
  assert.equal(seen.stdout, image.toString());
  assert.match(seen.stdout, /^\.\/again regular file .* 2 3000000 /m);
  const attribute = 'getfattr --absolute-names --only-values -n user.mocker "$1"';
  assert.equal(shell(attribute, join(box.dir, "new/inner/private")), "value");
});

test("a volume that has something is left as it is, also where the image has nothing", async () => {
  const box = await withMounts(
    (dir) => [
      { ...bind(join(dir, "vol"), "/data"), fill: true },
      { ...bind(join(dir, "new"), "/made"), fill: true },
    ],
    (lower) => {
      sampleTree(lower);
      mkdirSync(join(lower, "../new"));
    },
  );
  assert.equal((await box.run(["sh", "-c", "ls /data /made"])).stdout, "/data:\nf\nsub\n\n/made:\n");
});

test("what a fill left that was cut off is removed first; read-only is so afterwards", async () => {
  const box = await withMounts(
    (dir) => [{ ...bind(join(dir, "new"), "/data", true), fill: true, clear: true }],
    (lower) => {
      sampleTree(lower);
      mkdirSync(join(lower, "../new/inner/left/over"), { recursive: true });
      writeFileSync(join(lower, "../new/inner/file"), "a part");
    },
  );
  const { stdout } = await box.run([
    "sh",
    "-c",
    "cd /data; ls . inner; wc -c <again; touch x 2>/dev/null || echo ro",
  ]);
  assert.equal(
    stdout,
    ".:\nagain\nfifo\ninner\nlink\nprogram\nreadonly\n\ninner:\ndeep\nfile\nprivate\n3000000\nro\n",
  );
});

test("a part of a volume, which no link leads out of", async () => {
  const box = await withMounts((dir) => {
    mkdirSync(join(dir, "vol/sub/part"));
    writeFileSync(join(dir, "vol/sub/part/p"), "part\n");
    symlinkSync("/sub", join(dir, "vol/inside"));
    return [
      { ...bind(join(dir, "vol"), "/a"), subpath: "sub/part" },
      { ...bind(join(dir, "vol"), "/b", true), subpath: "inside/part" },
      { ...bind(join(dir, "vol"), "/c"), subpath: "f" },
    ];
  });
  const { stdout } = await box.run(["sh", "-c", "cat /a/p /b/p /c; touch /b/x 2>/dev/null || echo ro"]);
  assert.equal(stdout, "part\npart\nin the volume\nro\n");
  await box.dispose();
  for (const [target, subpath] of [
    ["/etc", "out"],
    ["/data", "nothing"],
  ] as const) {
    await assert.rejects(
      withMounts((dir) => {
        symlinkSync("../../../../../../etc", join(dir, "vol/out"));
        return [{ ...bind(join(dir, "vol"), target), subpath }];
      }),
      { message: `mounting ${target}: ${subpath}: no such file or directory` },
    );
    await vm?.dispose();
  }
});

test("a tmpfs with words of mount(8)", async () => {
  const options = ["size=1m", "mode=1750", "uid=5", "exec", "suid", "noatime"];
  const box = await withMounts(() => [{ kind: "tmpfs", target: "/scratch", options }]);
  const { stdout } = await box.run(["sh", "-c", "stat -c '%a %u' /scratch; grep ' /scratch ' /proc/mounts"]);
  assert.match(stdout, /^1750 5\ntmpfs \/scratch tmpfs rw,nodev,.*size=1024k,mode=1750,uid=/);
});

/** `use` gets a loop device, which a microVM's disk is for the agent, with a new image of a block volume. */
async function withDisk(
  dir: string,
  readOnly: boolean,
  use: (device: string) => Promise<void>,
): Promise<void> {
  const image = join(dir, "block.img");
  if (!existsSync(image)) createExt4Image(image, 64 << 20);
  const options = readOnly ? ["--read-only"] : [];
  const device = (await runTool("losetup", [...options, "--find", "--show", image])).trim();
  try {
    await use(device);
  } finally {
    await runTool("losetup", ["--detach", device]);
  }
}

test("a block volume is an empty directory that is filled, and is there for another machine that only reads", async () => {
  const dir = tmpDir();
  // As a guest's agent does it: only the host's root may mount a disk.
  const asRoot = { preload: await withoutNamespaces(), hostIds: true };
  const disk = (source: string): Json => ({ kind: "disk", source, target: "/data", readOnly: false });
  await withDisk(dir, false, async (device) => {
    const box = await withMounts(() => [{ ...disk(device), fill: true }], sampleTree, asRoot);
    const seen = await box.run(["sh", "-c", `cd /data && ${listing}; echo more > inner/more`]);
    const image = execFileSync("sh", ["-c", `cd "$1" && ${listing}`, "sh", join(box.dir, "lower/data")]);
    assert.equal(seen.stdout, image.toString());
    await box.dispose();
  });
  await withDisk(dir, true, async (device) => {
    const box = await withMounts(
      () => [
        { ...disk(device), readOnly: true },
        { ...disk(device), target: "/part", subpath: "inner" },
      ],
      undefined,
      asRoot,
    );
    const script = "stat -c '%u %g %a' /data; cat /data/inner/private /part/more; touch /part/x 2>&1";
    const { stdout } = await box.run(["sh", "-c", script]);
    assert.match(stdout, /^999 999 2750\nsecret\nmore\n.*Read-only file system\n$/);
    await box.dispose();
  });
});
