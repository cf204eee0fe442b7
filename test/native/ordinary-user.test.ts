import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { promisify } from "node:util";
import { vmmPath } from "../../native/index.ts";
import { rootDir } from "../support/paths.ts";
import { tmpDir } from "../support/tmp-dir.ts";
import { FakeNetwork } from "./cards/fake-network.ts";
import { compiled } from "./compiled.ts";
import { isAlive, until, Vm } from "./vm.ts";

const name = `mockertest${process.pid % 10_000}`;
let uid = 0;
let saved: [string, string][] = [];

before(() => {
  execFileSync("useradd", ["--no-create-home", "--shell", "/bin/sh", name]);
  uid = Number(execFileSync("id", ["-u", name], { encoding: "utf8" }));
});
after(() => {
  execFileSync("userdel", [name]);
});

/** With or without a range of subordinate ids for the user, whatever useradd gave it. */
function subordinate(present: boolean): void {
  saved = [];
  for (const path of ["/etc/subuid", "/etc/subgid"]) {
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    saved.push([path, text]);
    const others = text.split("\n").filter((line) => line !== "" && !line.startsWith(`${name}:`));
    if (present) others.push(`${name}:900000:65536`);
    writeFileSync(path, `${others.join("\n")}\n`);
  }
}

let vm: Vm | undefined;
afterEach(async () => {
  await vm?.dispose();
  vm = undefined;
  for (const [path, text] of saved) writeFileSync(path, text);
  saved = [];
});

const report = "echo $(id -u):$(id -g); touch /tmp/mine && stat -c %u:%g /tmp/mine; cat /proc/self/uid_map";

for (const present of [true, false]) {
  const situation = present ? "with subordinate ids" : "with one mapped user";

  test(`an ordinary user ${situation}: root`, async () => {
    subordinate(present);
    vm = await Vm.configured({ uid });
    const { stdout, exit } = await vm.run(["sh", "-c", report]);
    assert.equal(exit.code, 0);
    const maps = stdout
      .split("\n")
      .slice(2, -1)
      .map((line) => line.trim().split(/\s+/));
    assert.equal(stdout.split("\n").slice(0, 2).join(" "), "0:0 0:0");
    assert.deepEqual(
      maps,
      present
        ? [
            ["0", String(uid), "1"],
            ["1", "900000", "65536"],
          ]
        : [["0", String(uid), "1"]],
    );
    assert.equal(statSync(join(vm.dir, "upper/tmp/mine")).uid, uid);
    assert.equal(await vm.monitorExit, 0);
  });

  test(`an ordinary user ${situation}: another user inside`, async () => {
    subordinate(present);
    vm = await Vm.configured({ uid });
    const { stdout, stderr, exit } = await vm.run(
      ["sh", "-c", `${report}; ls -ld /proc/self/fd/1 >/dev/null && echo out >/dev/stdout`],
      {
        user: "1000:1000",
      },
    );
    assert.deepEqual([exit.code, stderr], [0, ""]);
    assert.match(stdout, /^1000:1000\n1000:1000\n/);
    assert.match(stdout, /out\n$/);
    assert.equal(statSync(join(vm.dir, "upper/tmp/mine")).uid, present ? 900_999 : uid);
  });

  test(`an ordinary user ${situation}: a network card`, async () => {
    subordinate(present);
    const directory = tmpDir();
    chownSync(directory, uid, uid);
    const socketPath = join(directory, "web.sock");
    const network = await FakeNetwork.listen(socketPath, { uid });
    const mac = "02:42:c0:00:02:02";
    const interfaces = [{ mac, address: "192.0.2.2/24", gateway: "192.0.2.1", mtu: 65_520 }];
    vm = await Vm.configured({
      uid,
      cards: [{ socketPath, endpointId: "e2", mac }],
      config: { interfaces },
    });
    const { stdout } = await vm.run(["sh", "-c", "ip addr show eth0; ping -c 1 -s 60000 192.0.2.1"]);
    network.close();
    assert.match(stdout, /inet 192\.0\.2\.2\/24 [\s\S]* 0% packet loss/);
    assert.doesNotMatch(stdout, /inet6/);
  });

  test(`an ordinary user ${situation}: terminals, volumes, host network, execs, stop`, async () => {
    subordinate(present);
    vm = await Vm.boot({ uid, network: "host" });
    mkdirSync(join(vm.dir, "vol"));
    chownSync(join(vm.dir, "vol"), uid, uid);
    await vm.configure({ mounts: [{ kind: "bind", source: join(vm.dir, "vol"), target: "/data" }] });
    const stream = vm.attach();
    await vm.start(
      [
        "sh",
        "-c",
        "tty; ls /sys/class >/dev/null && echo sys; echo kept >/data/f; trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done",
      ],
      {
        tty: true,
      },
    );
    await stream.waitFor(/up/);
    assert.equal(stream.stdout.toString(), "/dev/pts/0\r\nsys\r\nup\r\n");
    const exec = await vm.exec("e", ["sh", "-c", "id -u; cat /data/f"], { user: "alice", tty: true });
    assert.deepEqual(await exec.exit, { code: 0 });
    assert.equal(exec.stdout.toString(), "1000\r\nkept\r\n");
    await vm.request("stop", { signal: 15, graceMs: 5000 });
    assert.deepEqual(await stream.exit, { code: 3 });
    assert.equal(readFileSync(join(vm.dir, "vol/f"), "utf8"), "kept\n");
  });
}

/** What the VM's process says of its shares: a directory, a file, and a file that is read-only. */
async function shared(): Promise<Record<string, string>> {
  const source = join(rootDir(), "test", "native", "sharing-libkrun.c");
  const libkrunPath = await compiled("libkrun.so.1", "cc", ["-shared", "-fPIC", source], [source]);
  vm = new Vm({
    uid,
    shares: [{ path: "vol" }, { path: "one/name with space" }, { path: "two", readOnly: true }],
    prepare: (lower) => {
      const dir = dirname(lower);
      for (const name of ["vol", "one"]) mkdirSync(join(dir, name));
      writeFileSync(join(dir, "one/name with space"), "first\n");
      writeFileSync(join(dir, "two"), "two\n");
    },
    libkrunPath,
  });
  const box = vm;
  await until(
    () => box.vmmLog.includes("share: done"),
    20_000,
    () => box.vmmLog,
  );
  return Object.fromEntries(
    [...box.vmmLog.matchAll(/share: (.*): (.*)$/gm)].map(([, what, how]) => [what, how]),
  );
}

const refusals = {
  "its share has another": "Read-only file system",
  "the read-only file is written": "Read-only file system",
};

test("an ordinary user's microVM with subordinate ids: the guest's users own what is theirs", async () => {
  subordinate(true);
  const said = await shared();
  assert.deepEqual(said, {
    ...Object.fromEntries(Object.keys(said).map((what) => [what, "ok"])),
    ...refusals,
    "999 creates where it may not": "Permission denied",
  });
  const owners = (name: string): number[] => {
    const { uid: owner, gid } = statSync(join((vm as Vm).dir, "vol", name));
    return [owner, gid];
  };
  assert.deepEqual(owners("of-root"), [900_998, 900_998]);
  assert.deepEqual(owners("data"), [900_998, 900_998]);
  assert.deepEqual(owners("data/of-999"), [900_998, 900_998]);
  assert.equal(readFileSync(join((vm as Vm).dir, "one/name with space"), "utf8"), "first\nmore\n");
  assert.match((vm as Vm).vmmLog, /jail: user namespace \(subordinate ids\), PID namespace, /);
  const status = readFileSync(`/proc/${(vm as Vm).runtimeRecord().childPid}/status`, "utf8");
  // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETGID, SETUID, SETFCAP: of its own user namespace alone.
  assert.match(status, /^CapPrm:\t00000000800000db$/m);
});

test("an ordinary user's microVM with one mapped user: what it makes is the user's", async () => {
  subordinate(false);
  const said = await shared();
  assert.deepEqual(
    [said["root creates"], said["root gives away"], said["becoming 999"], said["the file is written"]],
    ["ok", "Invalid argument", "Invalid argument", "ok"],
  );
  assert.equal(statSync(join((vm as Vm).dir, "vol/of-root")).uid, uid);
  const map = readFileSync(`/proc/${(vm as Vm).runtimeRecord().childPid}/uid_map`, "utf8");
  assert.deepEqual(map.trim().split(/\s+/), [String(uid), String(uid), "1"]);
  assert.match(readFileSync(`/proc/${(vm as Vm).runtimeRecord().childPid}/status`, "utf8"), /^CapPrm:\t0+$/m);
});

test("an ordinary user's VM dies with its monitor, too", async () => {
  vm = await Vm.configured({ uid });
  await vm.start(["sleep", "1000"]);
  const { childPid } = vm.runtimeRecord();
  // The monitor is found by the record: what was spawned is setpriv, which has become it.
  process.kill(vm.runtimeRecord().pid, "SIGKILL");
  await until(() => !isAlive(childPid), 5000);
});

test("an ordinary user may not connect to another's monitor", async () => {
  vm = await Vm.configured();
  for (const path of [vm.dir, vm.runDir, join(vm.runDir, "monitor.sock")])
    execFileSync("chmod", ["a+rwx", path]);
  const script = `const s = require("net").connect(${JSON.stringify(join(vm.runDir, "monitor.sock"))});
    s.write(Buffer.from("03000000", "hex")); s.on("data", () => process.exit(1)); s.on("close", () => process.exit(7)); s.on("error", () => {});`;
  writeFileSync(join(vm.dir, "connect.js"), script);
  copyFileSync(process.execPath, join(vm.dir, "node"));
  let status: number | null = 0;
  try {
    execFileSync(
      "setpriv",
      [
        `--reuid=${uid}`,
        `--regid=${uid}`,
        "--clear-groups",
        join(vm.dir, "node"),
        join(vm.dir, "connect.js"),
      ],
      { timeout: 5000 },
    );
  } catch (error) {
    status = (error as { status: number | null }).status;
  }
  assert.equal(status, 7);
  await until(() => (vm as Vm).vmmLog.includes(`refused a connection of user ${uid}`));
  assert.deepEqual(await vm.request("ping"), {});
});

test("a folder that others remove at the same time is removed, and nobody complains", async () => {
  const folder = join(tmpDir(), "doomed");
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 20; i++) {
      mkdirSync(join(folder, `${i}`), { recursive: true });
      for (let j = 0; j < 30; j++) writeFileSync(join(folder, `${i}`, `${j}`), "");
    }
    await Promise.all([1, 2, 3].map(() => promisify(execFile)(vmmPath(), ["--remove", folder])));
    assert.ok(!existsSync(folder));
  }
});

test("an ordinary user: another user's network is not trusted", async () => {
  const directory = tmpDir();
  chownSync(directory, uid, uid);
  const socketPath = join(directory, "web.sock");
  const network = await FakeNetwork.listen(socketPath);
  chmodSync(socketPath, 0o777);
  const card = { socketPath, endpointId: "e2", mac: "02:42:c0:00:02:02", networkName: "web" };
  vm = new Vm({ uid, cards: [card] });
  await vm.monitorExit;
  network.close();
  assert.equal(vm.exitRecord().message, `network web: its process belongs to another user (${socketPath})`);
  assert.deepEqual(network.endpoints, []);
});
