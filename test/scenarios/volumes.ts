import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Suite } from "./suite.ts";

export function volumeScenarios(get: () => Suite): void {
  test("a volume is written from both sides, :ro refuses", async () => {
    const { mocker, images } = get();
    const folder = join(mocker.dir, "volume");
    mkdirSync(folder);
    writeFileSync(join(folder, "from-host"), "host\n");
    const both = await mocker.run([
      "run",
      "--rm",
      "-v",
      `${folder}:/data`,
      images.busybox,
      "sh",
      "-c",
      "cat /data/from-host; echo guest > /data/from-guest",
    ]);
    assert.equal(both.stdout.toString(), "host\n", both.stderr);
    assert.equal(readFileSync(join(folder, "from-guest"), "utf8"), "guest\n");

    const refused = await mocker.run([
      "run",
      "--rm",
      "-v",
      `${folder}:/data:ro`,
      images.busybox,
      "sh",
      "-c",
      "cat /data/from-guest; echo no > /data/from-host",
    ]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stdout.toString(), /^guest$/m);
    assert.match(refused.stderr, /Read-only file system/);
    assert.equal(readFileSync(join(folder, "from-host"), "utf8"), "host\n");
  });

  test("a single file is shared, and a read-only one beside it", async () => {
    const { mocker, images } = get();
    const folder = join(mocker.dir, "files");
    mkdirSync(folder);
    const [app, fixed] = [join(folder, "app: the first.conf"), join(folder, "fixed.conf")];
    writeFileSync(fixed, "fixed\n");
    const named = join(folder, "app.conf");
    writeFileSync(named, "a=1\n");
    const script =
      "cat /etc/app.conf /etc/new/fixed; echo b=2 >> /etc/app.conf; echo x >> /etc/new/fixed; ls /etc/new";
    const mounts = ["-v", `${named}:/etc/app.conf`, "-v", `${fixed}:/etc/new/fixed:ro`];
    const run = await mocker.run(["run", "--rm", ...mounts, images.busybox, "sh", "-c", script]);
    assert.equal(run.stdout.toString(), "a=1\nfixed\nfixed\n", run.stderr);
    assert.match(run.stderr, /Read-only file system/);
    assert.deepEqual([readFileSync(named, "utf8"), readFileSync(fixed, "utf8")], ["a=1\nb=2\n", "fixed\n"]);
    writeFileSync(app, "colon\n");
    const mount = ["--mount", `type=bind,src=${app},dst=/f`];
    assert.equal(await mocker.ok(["run", "--rm", ...mount, images.busybox, "cat", "/f"]), "colon\n");
  });

  test("nine volumes and a network find room", async () => {
    const { mocker, images, runtime } = get();
    const folder = join(mocker.dir, "many");
    mkdirSync(join(folder, "0/sub"), { recursive: true });
    const names = ["0", "1", "2", "3", "4", "5"];
    for (const name of names) {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, "name"), `${name}\n`);
    }
    writeFileSync(join(folder, "file"), "file\n");
    const mounts = [
      ...names.flatMap((name) => ["-v", `${folder}/${name}:/v${name}${name === "3" ? ":ro" : ""}`]),
      ...["-v", `${folder}/file:/v6:ro`, "-v", "many-etc:/etc", "-v", "/anonymous"],
    ];
    const script = [
      "cat /v0/name /v1/name /v2/name /v3/name /v4/name /v5/name /v6",
      "for n in 0 1 2 4 5; do echo $n > /v$n/new; done",
      "echo no > /v3/new; echo no > /v6; test -s /etc/group && touch /anonymous/x && echo written",
      "mkdir /v1/dir && mv /v1/new /v1/dir/new && rm -r /v2/new && ls /v0",
      // Each is a file system of its own: whatever tells files by number must not confuse them.
      "for n in 0 1 2 3 4 5; do stat -c %d /v$n; done | sort -u | wc -l; ls -A /mnt",
    ].join("; ");
    const run = await mocker.run(["run", "--rm", ...mounts, images.busybox, "sh", "-c", script]);
    const devices = runtime === "krun" ? 6 : 1;
    const expected = `0\n1\n2\n3\n4\n5\nfile\nwritten\nname\nnew\nsub\n${devices}\n`;
    assert.equal(run.stdout.toString(), expected, run.stderr);
    assert.equal(run.stderr.match(/Read-only file system/g)?.length, 2, run.stderr);
    assert.deepEqual(
      names.map((name) => readdirSync(join(folder, name)).sort().join()),
      ["name,new,sub", "dir,name", "name", "name", "name,new", "name,new"],
    );
  });

  test("-v makes a missing directory that others may enter, --mount makes none", async () => {
    const { mocker, images } = get();
    const source = join(mocker.dir, "missing");
    await mocker.ok(["run", "--rm", "-v", `${source}/deep:/x`, images.busybox, "true"]);
    for (const path of [source, join(source, "deep")]) assert.equal(statSync(path).mode & 0o777, 0o755);
    const other = join(mocker.dir, "other");
    const mount = ["--mount", `type=bind,src=${other},dst=/x`];
    const refused = await mocker.run(["run", "--rm", ...mount, images.busybox, "true"]);
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /bind source path does not exist: .*\/other$/m);
    assert.ok(!existsSync(other));
  });

  test("a named volume is filled from the image once, kept, shared, and refused to be removed while it is used", async () => {
    const { mocker, images } = get();
    const first = "ls /etc/group && echo mine > /etc/mine && rm /etc/group";
    await mocker.ok(["run", "--name", "first", "-v", "filled:/etc", images.busybox, "sh", "-c", first]);
    const second = ["-v", "filled:/data", images.busybox, "sh", "-c", "cat /data/mine; ls /data/group"];
    const seen = await mocker.run(["run", "--rm", ...second]);
    assert.equal(seen.stdout.toString(), "mine\n");
    assert.notEqual(seen.code, 0, "what was removed from the volume is there again");
    const refused = await mocker.run(["volume", "rm", "filled"]);
    const id = (await mocker.ok(["inspect", "-f", "{{.Id}}", "first"])).trim();
    assert.equal(refused.stderr, `mocker: remove filled: volume is in use - [${id}]\n`);
    await mocker.ok(["rm", "first"]);
    assert.equal(await mocker.ok(["volume", "rm", "filled"]), "filled\n");
    assert.deepEqual(
      readdirSync(join(mocker.dataDir, "volumes")).filter((name) => name.includes("filled")),
      [],
    );
  });

  test("many VMs that start at once with one new volume all see all of it", async () => {
    const { mocker, images } = get();
    const script = "ls /etc | sort | tr '\\n' ' '; cat /etc/passwd | wc -l";
    const whole = await mocker.ok(["run", "--rm", images.busybox, "sh", "-c", script]);
    const runs = [1, 2, 3].map(() =>
      mocker.ok(["run", "--rm", "-v", "crowd:/etc", images.busybox, "sh", "-c", script]),
    );
    const names = (text: string): string[] =>
      // What is made anew in each VM is not the image's.
      text.split(" ").filter((name) => !["hosts", "hostname", "resolv.conf", "mtab"].includes(name));
    for (const seen of await Promise.all(runs)) assert.deepEqual(names(seen), names(whole));
    await mocker.ok(["volume", "rm", "crowd"]);
  });

  test("anonymous volumes are directories, live as long as their VM, and --rm and rm -v remove them", async () => {
    const { mocker, images } = get();
    const volumes = async (): Promise<string[]> =>
      (await mocker.ok(["volume", "ls", "-q"]))
        .trim()
        .split("\n")
        .filter((name) => /^[0-9a-f]{64}$/.test(name));
    const before = await volumes();
    const kept = "test -d /anon && echo $(cat /anon/kept) && echo kept > /anon/kept";
    await mocker.ok(["run", "--rm", "-v", "/anon", images.busybox, "touch", "/anon/x"]);
    assert.deepEqual(await volumes(), before);
    await mocker.ok(["run", "--name", "anonymous", "-v", "/anon", images.busybox, "sh", "-c", kept]);
    assert.equal((await volumes()).length, before.length + 1);
    assert.equal(await mocker.ok(["start", "-a", "anonymous"]), "kept\n");
    const from = [
      "--volumes-from",
      "anonymous:ro",
      images.busybox,
      "sh",
      "-c",
      "cat /anon/kept; touch /anon/y",
    ];
    const other = await mocker.run(["run", "--rm", ...from]);
    assert.equal(other.stdout.toString(), "kept\n");
    assert.match(other.stderr, /Read-only file system/);
    await mocker.ok(["rm", "-v", "anonymous"]);
    assert.deepEqual(await volumes(), before);
  });

  test("a part of a volume, and a volume that is not filled", async () => {
    const { mocker, images } = get();
    const make = [
      "-v",
      "parts:/etc:nocopy",
      images.busybox,
      "sh",
      "-c",
      "ls /etc/group 2>/dev/null; mkdir -p /etc/a/b; echo in > /etc/a/b/c",
    ];
    assert.equal(await mocker.ok(["run", "--rm", ...make]), "");
    const mount = "type=volume,src=parts,dst=/part,volume-subpath=a/b";
    assert.equal(
      await mocker.ok(["run", "--rm", "--mount", mount, images.busybox, "cat", "/part/c"]),
      "in\n",
    );
    await mocker.ok(["volume", "rm", "parts"]);
  });

  test("a tmpfs has the size that was asked for", async () => {
    const { mocker, images } = get();
    const { stdout, stderr } = await mocker.run([
      ...["run", "--rm", "--mount", "type=tmpfs,dst=/scratch,tmpfs-size=1m", images.busybox],
      ...["sh", "-c", "grep ' /scratch ' /proc/mounts; head -c 2000000 /dev/zero > /scratch/x || echo full"],
    ]);
    assert.match(stdout.toString(), /^\S+ \/scratch tmpfs .*\bsize=1024k\b/, stderr);
    assert.match(stdout.toString(), /^full$/m);
    const flag = ["--tmpfs", "/run:size=1m,mode=750,exec", images.busybox, "grep", " /run ", "/proc/mounts"];
    assert.match(
      await mocker.ok(["run", "--rm", ...flag]),
      /^tmpfs \/run tmpfs rw,nosuid,nodev,relatime,size=1024k,mode=750/,
    );
  });
}
