import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, before, test } from "node:test";
import { rootDir } from "../../support/paths.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { compiled } from "../compiled.ts";
import { type Json, member, nativeDir, until, Vm, type VmOptions } from "../vm.ts";
import { withoutNamespaces } from "./without-namespaces.ts";

// What a hostile guest is left with when it has taken over the process that it runs in.
let libkrunPath = "";
before(async () => {
  const source = join(rootDir(), "test", "native", "jail", "jailed-libkrun.c");
  libkrunPath = await compiled("libkrun.so.1", "cc", ["-shared", "-fPIC", source], [source]);
});

let vm: Vm | undefined;
afterEach(async () => {
  await vm?.dispose();
  vm = undefined;
});

async function taken(options: VmOptions = {}): Promise<Map<string, string>> {
  vm = new Vm({ libkrunPath, network: "none", ...options });
  const box = vm;
  await until(
    () => box.vmmLog.includes("try: done"),
    20_000,
    () => box.vmmLog,
  );
  const lines = [...box.vmmLog.matchAll(/^try: (.*): (.*)$/gm)];
  return new Map(lines.map(([, what = "", how = ""]) => [what, how]));
}

/** What refuses each attempt, and how that shows. */
const refusals: Record<string, [error: string, attempts: string[]]> = {
  "the root of its own": [
    "ENOENT",
    [
      ...["root's home", "users' homes", "the host's users", "the host's processes", "the kernel's settings"],
      ...["a way up", "the VM's records", "the monitor"],
    ],
  ],
  "the read-only root": ["EROFS", ["a new file in the root"]],
  "the network namespace": ["ECONNREFUSED", ["an abstract socket of the host"]],
  "the lack of capabilities": ["EPERM", ["another user"]],
  "the list of system calls": [
    "EPERM",
    [
      ...[
        "a signal to the monitor",
        "a signal to all",
        "a signal to another",
        "a signal to another's thread",
      ],
      ...[
        "a queued signal",
        "a descriptor's owner",
        "a descriptor's signal",
        "a descriptor's owner by ioctl",
      ],
      ...[
        "a socket's group",
        "a terminal's input",
        "another's processors",
        "another's priority",
        "listening",
      ],
      ...[
        "another's descriptor",
        "a mount",
        "an unmount",
        "another root",
        "namespaces",
        "another's namespace",
      ],
      ...[
        "a process in namespaces",
        "a file by its handle",
        "io_uring",
        "keys",
        "BPF",
        "performance counters",
      ],
      ...["faults", "quotas", "mounts' attributes"],
    ],
  ],
  "the list of sockets": ["EAFNOSUPPORT", ["IPv4", "IPv6", "netlink", "packets", "vsock"]],
  "the list of what only an attacker does": ["SYS", ["a program", "tracing", "another's memory"]],
  "its being undumpable": ["none", ["the guest's memory in a core dump"]],
  "the limit on open files": ["EBADF", ["more files than may be open"]],
};

test("who takes a VM's process over reaches nothing, and what refuses it is known", async () => {
  const server = createServer().listen("\0mocker-jail-test");
  const attempts = await taken();
  server.close();
  const expected = Object.values(refusals).flatMap(([error, names]) => names.map((name) => [name, error]));
  // What does nobody any harm is only refused to a library that is known to do without.
  assert.deepEqual([attempts.get("a file in memory"), attempts.get("a process's end")], ["ok", "ECHILD"]);
  for (const name of ["done", "a file in memory", "a process's end"]) attempts.delete(name);
  // The device is refused by whichever of three comes first.
  assert.match(attempts.get("a device") ?? "", /^(?:EPERM|EACCES|EROFS|EEXIST)$/);
  attempts.delete("a device");
  assert.deepEqual(Object.fromEntries(attempts), Object.fromEntries(expected));
});

test("the bundled library may only do what it needs", async () => {
  const attempts = await taken({ bundled: true });
  const told = await layers(vm as Vm);
  assert.equal(told.get("seccomp")?.detail, "allow list");
  assert.equal(attempts.get("a file in memory"), "ENOSYS");
  // It may make threads, and no process that it could try the rest in.
  const { "the list of what only an attacker does": [, fatal] = ["", []], ...others } = refusals;
  for (const name of fatal) assert.equal(attempts.get(name), "EPERM", name);
  for (const [error, names] of Object.values(others)) {
    for (const name of names) assert.equal(attempts.get(name), error, name);
  }
});

test("a VM's process is the first of a PID namespace, in a user namespace, and its end is seen", async () => {
  await taken();
  const box = vm as Vm;
  const { childPid } = box.runtimeRecord();
  const status = readFileSync(`/proc/${childPid}/status`, "utf8");
  assert.match(status, /^NSpid:\t\d+\t1$/m);
  assert.match(status, /^CapPrm:\t0+$/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  for (const name of ["user", "pid", "mnt", "net", "ipc", "uts"]) {
    const ours = execFileSync("readlink", [`/proc/self/ns/${name}`], { encoding: "utf8" });
    const its = execFileSync("readlink", [`/proc/${childPid}/ns/${name}`], { encoding: "utf8" });
    assert.notEqual(its, ours, name);
  }
  process.kill(childPid, "SIGKILL");
  await box.monitorExit;
  assert.match(box.exitRecord().message, /^the VM's process was killed by SIGKILL/);
});

/** What the monitor has told of the jail. */
async function layers(box: Vm): Promise<Map<string, Json>> {
  await box.connect();
  await until(() => box.monitorEvents.some((event) => member(event, "jail")));
  const event = box.monitorEvents.findLast((one) => member(one, "jail"));
  return new Map((member(event, "jail") as Json[]).map((layer) => [String(layer.name), layer]));
}

test("the layers are told to the engine", async () => {
  await taken();
  const told = await layers(vm as Vm);
  for (const [name, layer] of told) assert.equal(layer.on, true, name);
  assert.deepEqual(
    [...told.keys()].filter((name) => name !== "Landlock"),
    [
      ...["user namespace", "PID namespace", "mount namespace", "IPC namespace", "UTS namespace"],
      ...["network namespace", "own root", "limits", "no new privileges", "capabilities", "seccomp"],
    ],
  );
});

test("a host that lets a VM's process have no root of its own has no VM", async () => {
  vm = new Vm({ libkrunPath, network: "none", preload: await withoutNamespaces("own root") });
  assert.equal(await vm.monitorExit, 0);
  const { exitCode, reason, message } = vm.exitRecord();
  assert.deepEqual([exitCode, reason], [125, "jail-refused"]);
  assert.match(
    message,
    /^the host does not let a microVM's process have a root of its own: the kernel or the /,
  );
  assert.doesNotMatch(vm.vmmLog, /try: /);
});

test("… unless that was asked for: then the other layers hold, and the missing ones are told", async () => {
  const attempts = await taken({ preload: await withoutNamespaces("own root"), weakJail: true });
  const told = await layers(vm as Vm);
  assert.deepEqual(told.get("own root"), {
    ...{ name: "own root", on: false, detail: "operation not permitted" },
  });
  assert.equal(told.get("user namespace")?.on, false);
  assert.equal(told.get("seccomp")?.on, true);
  if (told.get("Landlock")?.on === true) assert.equal(attempts.get("the host's users"), "EACCES");
  assert.equal(attempts.get("a signal to all"), "EPERM");
  assert.equal(attempts.get("a program"), "SYS");
});

test("root's VM without user namespaces has its own root all the same", async () => {
  await taken({ preload: await withoutNamespaces() });
  const told = await layers(vm as Vm);
  assert.deepEqual([told.get("user namespace")?.on, told.get("own root")?.on], [false, true]);
});

test("what a host allows is found out by trying", async () => {
  const probe = (env: Record<string, string> = {}): Json => {
    const text = execFileSync(join(nativeDir, "mocker-vmm"), ["--probe", tmpDir()], {
      env,
      encoding: "utf8",
    });
    return JSON.parse(text) as Json;
  };
  const good = probe();
  assert.equal(good.problem, undefined);
  assert.ok((good.layers as Json[]).every(({ on }) => on));
  const bad = probe({ LD_PRELOAD: await withoutNamespaces("own root") });
  assert.match(String(bad.problem), /refuses namespaces \(operation not permitted\)$/);
  assert.match(String(bad.ownIdsProblem), /^cannot create a user namespace: /);
});
