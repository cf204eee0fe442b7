import assert from "node:assert/strict";
import { chownSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { makeTar } from "../fixtures/made-image.ts";
import { runTool } from "../support/host.ts";
import { inLab } from "../support/paths.ts";
import type { Suite } from "./suite.ts";

/** Changes of all kinds to the files of the busybox image. */
const changes = [
  "echo new >/root/new; ln /root/new /root/hard; rm /etc/group /bin/vi; echo more >>/etc/passwd",
  "mkdir -p /made/deep; echo x >/made/deep/file; ln -s /etc/passwd /made/link; mkfifo /made/pipe; mv /made/deep /made/moved",
  "rm -r /home/app; mkdir -p /home/app/fresh; rm -r /usr/sbin; chmod 700 /var; touch /top",
  "mkdir /empty; echo x >/tmp/short; rm /tmp/short; chmod 600 /bin/awk; chmod 755 /bin/awk",
  "echo 1.2.3.4 x >>/etc/hosts",
].join("; ");

/** What `docker diff` of dockerd 20.10.24 with overlay2 said after them, in the order of the paths. */
const dockersDiff = [
  ["C /bin", "D /bin/vi", "A /empty", "C /etc", "D /etc/group", "C /etc/passwd"],
  ["C /home", "C /home/app", "A /home/app/fresh"],
  ["A /made", "A /made/link", "A /made/moved", "A /made/moved/file", "A /made/pipe"],
  ["C /root", "A /root/hard", "A /root/new", "A /top", "C /usr", "D /usr/sbin", "C /var"],
].flat();

export function copyIntoScenarios(get: () => Suite): void {
  test("cp: into a VM, running or not, with owners and links, and never out of it", async () => {
    const { mocker, images } = get();
    const folder = join(mocker.dir, "to-copy");
    const tree = join(folder, "tree");
    mkdirSync(join(tree, "inner"), { recursive: true });
    writeFileSync(join(tree, "inner", "file"), "first", { mode: 0o640 });
    symlinkSync("inner/file", join(tree, "link"));
    writeFileSync(join(folder, "victim"), "untouched");
    writeFileSync(join(folder, "second"), "second", { mode: 0o644 });
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(join(tree, "inner", "file"), 1000, 1);
    const owner = isRoot ? "1000:1" : `${process.getuid?.()}:${process.getgid?.()}`;
    const volume = join(mocker.dir, "copied-volume");
    mkdirSync(volume);
    const script = [
      `ln -s ${folder}/victim /absolute`,
      `ln -s ../../../../../../../../../..${folder}/victim /relative`,
      "mkdir -p /made/dir",
      "ln -s made/dir /known",
      "echo started",
      "exec sleep 1000",
    ].join("; ");
    const run = ["--name", "filled", "-v", `${volume}:/data`, images.busybox, "sh", "-c", script];
    await mocker.ok(["create", ...run]);
    // One that never ran, with the name that it is to have.
    await mocker.ok(["cp", tree, "filled:/early"]);
    await mocker.ok(["start", "filled"]);
    await mocker.until(["logs", "filled"], /started/);
    const inside = (...command: string[]): Promise<string> => mocker.ok(["exec", "filled", ...command]);
    assert.equal(
      await inside("sh", "-c", "stat -c '%u:%g %a' /early/inner/file; cat /early/link; readlink /early/link"),
      `${owner} 640\nfirst${"inner/file"}\n`,
    );

    await mocker.ok(["cp", tree, "filled:/made"]);
    await mocker.ok(["cp", `${tree}/.`, "filled:known"]);
    await mocker.ok(["cp", join(folder, "second"), "filled:/made/dir/inner/file"]);
    await mocker.ok(["cp", "-L", join(tree, "link"), "filled:/data/"]);
    assert.deepEqual(readdirSync(volume), ["link"]);
    assert.equal(await inside("cat", "/data/link"), "first");
    const archive = gzipSync(await makeTar([{ name: "sent/file", content: "sent", uid: 0, gid: 1 }]));
    await mocker.ok(["cp", "-", "filled:/made"], { stdin: archive });
    assert.equal(
      await inside("sh", "-c", "cd /made; cat tree/link dir/inner/file sent/file; stat -c %u:%g sent/file"),
      "firstsecondsent0:1\n",
    );

    // Links of the guest's lead to files of its own, which are not there.
    for (const link of ["absolute", "relative"]) {
      const { code, stderr } = await mocker.run(["cp", join(folder, "second"), `filled:/${link}`]);
      assert.equal(code, 1);
      assert.match(
        stderr,
        new RegExp(`^mocker: Could not find the file ${folder} in container filled$`, "m"),
      );
    }
    assert.equal(readFileSync(join(folder, "victim"), "utf8"), "untouched");

    const refused: [string, string, RegExp][] = [
      [
        join(folder, "second"),
        "filled:/nodir/x",
        /^mocker: Could not find the file \/nodir in container filled$/m,
      ],
      [join(folder, "second"), "filled:/made/new/", /^mocker: no such directory$/m],
      [tree, "filled:/etc/passwd", /^mocker: cannot copy directory$/m],
      [join(folder, "second"), "filled:/etc/passwd/x", /^mocker: extraction point is not a directory$/m],
      ["-", "filled:/etc/passwd", /^mocker: destination "filled:\/etc\/passwd" must be a directory$/m],
      [
        `${tree}/inner/.`,
        "filled:/busy",
        /^mocker: cannot overwrite directory "\/busy\/file" with non-directory "\/busy"$/m,
      ],
      ["-", "filled:/made", /^mocker: the archive cannot be read: /m],
    ];
    await inside("mkdir", "-p", "/busy/file/dir");
    // The lab's time is dear: what the engine refuses without the guest is shown once.
    for (const [source, destination, wanted] of inLab ? refused.slice(-2, -1) : refused) {
      const { code, stderr } = await mocker.run(["cp", source, destination], { stdin: "junk" });
      assert.equal(code, 1, destination);
      assert.match(stderr, wanted);
    }

    // Out again, with what it had.
    await mocker.ok(["cp", "-a", "filled:/early", join(folder, "back")]);
    const listing = (name: string): Promise<string> =>
      runTool("sh", [
        "-c",
        `cd "$1"; find . -exec stat -c '%n %u:%g %a %Y' {} + | sort`,
        "sh",
        join(folder, name),
      ]);
    assert.equal(await listing("back"), await listing("tree"));
    await mocker.ok(["stop", "-t", "0", "filled"]);
    if (!inLab) {
      await mocker.ok(["cp", join(folder, "second"), "filled:/made/sent"]);
      await mocker.ok(["cp", join(folder, "second"), "filled:/data/late"]);
      assert.deepEqual(readdirSync(volume), ["late", "link"]);
      await mocker.ok(["cp", "filled:/made/sent/second", join(folder, "third")]);
      assert.equal(readFileSync(join(folder, "third"), "utf8"), "second");
    }
    await mocker.ok(["rm", "filled"]);
  });
}

export function commitScenarios(get: () => Suite): void {
  test("diff and commit: what a VM has changed, as Docker sees it, and an image of it", async () => {
    const { mocker, images } = get();
    const sorted = (text: string): string[] =>
      text
        .trimEnd()
        .split("\n")
        .sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1));
    await mocker.ok([
      "run",
      "-d",
      "--name",
      "changed",
      images.busybox,
      "sh",
      "-c",
      `${changes}; echo done; exec sleep 1000`,
    ]);
    await mocker.until(["logs", "changed"], /done/);
    assert.deepEqual(sorted(await mocker.ok(["diff", "changed"])), dockersDiff);
    const commit = ["commit", "-a", "me", "-m", "said", "-c", 'CMD ["cat","/root/new"]', "changed", "made:1"];
    const id = (await mocker.ok(commit)).trim();
    assert.match(id, /^sha256:[0-9a-f]{64}$/);
    // It goes on, and can write.
    assert.equal(await mocker.ok(["exec", "changed", "sh", "-c", "echo on >/on; cat /on"]), "on\n");
    const look =
      "ls /bin/vi /etc/group /usr/sbin /home/app; readlink /made/link; stat -c '%h %a' /root/hard /var; cat /made/moved/file";
    const { stdout } = await mocker.run(["run", "--rm", "made:1", "sh", "-c", look]);
    assert.equal(stdout.toString(), "/home/app:\nfresh\n/etc/passwd\n2 644\n2 700\nx\n");
    await mocker.ok(["stop", "-t", "0", "changed"]);
    // What no runtime has a part in, and what takes the start of one more machine, for which the lab has not
    // the time.
    if (!inLab) {
      assert.equal(await mocker.ok(["run", "--rm", "made:1"]), "new\n");
      assert.match(await mocker.ok(["images", "--no-trunc"]), new RegExp(`^made +1 +${id}`, "m"));
      const history = await mocker.ok([
        "history",
        "--no-trunc",
        "--format",
        "{{.ID}} {{.Comment}}",
        "made:1",
      ]);
      assert.equal(history.split("\n")[0], `${id} said`);
      const saved = join(mocker.dir, "committed.tar");
      await mocker.ok(["save", "-o", saved, "made:1"]);
      const manifest = await runTool("tar", ["-xOf", saved, "manifest.json"]);
      const [{ Layers = [] } = {}] = JSON.parse(manifest) as { Layers?: string[] }[];
      assert.equal(Layers.length, 2);
      const names = await runTool("sh", [
        "-c",
        'tar -xOf "$1" "$2" | tar -tf -',
        "sh",
        saved,
        Layers[1] ?? "",
      ]);
      assert.match(names, /^etc\/\.wh\.group$/m);
      assert.match(names, /^usr\/\.wh\.sbin$/m);
      assert.doesNotMatch(names, /hosts|hostname|resolv|proc|dev\//);
      assert.deepEqual(
        sorted(await mocker.ok(["diff", "changed"])),
        sorted([...dockersDiff, "A /on"].join("\n")),
      );
      const again = (await mocker.ok(["commit", "--pause=false", "changed"])).trim();
      assert.equal(await mocker.ok(["run", "--rm", again, "cat", "/on"]), "on\n");
      await mocker.ok(["rmi", again]);
    }
    await mocker.ok(["rm", "changed"]);
    await mocker.ok(["rmi", "made:1"]);
  });
}
