import assert from "node:assert/strict";
import { chownSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { rootDir } from "../../support/paths.ts";
import { compiled } from "../compiled.ts";
import { Vm, type VmOptions } from "../vm.ts";
import { withoutNamespaces } from "./without-namespaces.ts";

// A simulated workload whose kernel is the host's, started by the host's root, as these tests are.

let vm: Vm | undefined;
afterEach(async () => {
  await vm?.dispose();
  vm = undefined;
});

async function output(script: string, options: VmOptions = {}, user = ""): Promise<string> {
  vm = await Vm.configured(options);
  return (await vm.run(["sh", "-c", script], { user })).stdout;
}

const confinement = "grep -E '^(CapBnd|NoNewPrivs|Seccomp):' /proc/self/status";
/** CapBnd is what `docker run` gives; Seccomp 2 is a filter. */
const confined = "CapBnd:\t00000000a80425fb\nNoNewPrivs:\t1\nSeccomp:\t2\n";

test("root's workload has Docker's capabilities, no new privileges and a list of system calls", async () => {
  assert.equal(await output(confinement), confined);
});

test("… as has another user of it, and one where only the host's ids are to be had", async () => {
  assert.equal(await output(confinement, {}, "alice"), confined);
  await vm?.dispose();
  const asked = { preload: await withoutNamespaces(), hostIds: true };
  assert.equal(await output(confinement, asked), confined);
});

/** Nothing here changes the host where it succeeds: files of the kernel are opened, not written. */
const escapes = [
  "mount -t tmpfs x /tmp",
  "busybox mknod /tmp/disk b 254 0",
  "busybox mount -o remount,rw /proc/sys",
  "busybox umount /proc/sys",
  "true >> /proc/sys/kernel/core_pattern",
  "true >> /proc/sysrq-trigger",
  "busybox unshare -m true",
  "busybox unshare -U true",
  "busybox nsenter -t 1 -m true",
  "hostname mine",
  "echo x > /proc/1/mem",
  "cat /proc/1/environ",
];

test("what root's workload may not do to the host", async () => {
  const script = escapes.map((line) => `(${line}) >/dev/null 2>&1 && echo "done: ${line}"`).join("\n");
  const seen =
    "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c; ls /sys/firmware 2>/dev/null";
  assert.equal(await output(`${script}\n${seen}`), "0\n");
});

test("a 32-bit program runs, with the same list", { skip: process.arch !== "x64" }, async () => {
  const source = join(rootDir(), "test", "native", "jail", "calls-of-i386.c");
  const program = await compiled("calls-of-i386", "cc", ["-static", source], [source]);
  const prepare = (lower: string): void => copyFileSync(program, join(lower, "bin/calls"));
  assert.equal(
    await output("calls", { prepare }),
    "getppid: ok\nmount: EPERM\nunshare: EPERM\nclone: EPERM\n",
  );
});

test("root's workload is nobody on the host, and its files are who they are", async () => {
  const prepare = (lower: string): void => {
    const dir = join(lower, "..", "vol");
    mkdirSync(dir);
    writeFileSync(join(dir, "alices"), "hers\n", { mode: 0o600 });
    chownSync(join(dir, "alices"), 1000, 1000);
    writeFileSync(join(lower, "etc/private"), "the image's\n", { mode: 0o600 });
  };
  vm = await Vm.boot({ prepare });
  const box = vm;
  await box.configure({ mounts: [{ kind: "bind", source: join(box.dir, "vol"), target: "/data" }] });
  const stream = box.attach();
  const script = [
    "cat /etc/private; stat -c %u:%g /data /data/alices; echo mine > /data/roots",
    "touch /data/given && chown 1000:29 /data/given; touch /made; echo up; sleep 1000",
  ];
  await box.start(["sh", "-c", script.join("\n").replace("chown", "busybox chown")]);
  await stream.waitFor(/up\n/);
  assert.equal(stream.stdout.toString(), "the image's\n0:0\n1000:1000\nup\n");
  const owner = (path: string): string => {
    const { uid, gid } = statSync(join(box.dir, path));
    return `${uid}:${gid}`;
  };
  assert.deepEqual(["vol/roots", "vol/given", "upper/made"].map(owner), ["0:0", "1000:29", "0:0"]);
  const status = readFileSync(`/proc/${box.runtimeRecord().childPid}/status`, "utf8");
  assert.ok(Number(/^Uid:\t(\d+)/m.exec(status)?.[1]) >= 65536, status);
  assert.notEqual(
    readFileSync(`/proc/${box.runtimeRecord().childPid}/uid_map`, "utf8").trim().split(/\s+/)[1],
    "0",
  );
});

test("where there is no way to ids of its own, root's workload does not run unasked", async () => {
  vm = new Vm({ preload: await withoutNamespaces() });
  assert.equal(await vm.monitorExit, 0);
  const { exitCode, message } = vm.exitRecord();
  assert.equal(exitCode, 125);
  assert.match(
    message,
    /^the simulation's users cannot have ids of their own: cannot create a user namespace: /,
  );
});
