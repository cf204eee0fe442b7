import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { rootDir } from "../../support/paths.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { compiled } from "../compiled.ts";
import { endpointAt, Netd } from "../net/netd.ts";
import { type Card, isAlive, nativeDir, until, Vm, type VmOptions } from "../vm.ts";
import { FakeNetwork, type FakeNetworkOptions } from "./fake-network.ts";

// A simulated VM's network cards, beside networks that are played here.

const mtu = 65_520;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function network(name: string, options: FakeNetworkOptions = {}): Promise<[FakeNetwork, string]> {
  const path = join(tmpDir(), `${name}.sock`);
  const made = await FakeNetwork.listen(path, options);
  closing.push(() => made.close());
  return [made, path];
}

const card = (socketPath: string, host: number, networkName = "web"): Card => ({
  socketPath,
  endpointId: `e${host}`,
  mac: `02:42:c0:00:02:0${host}`,
  networkName,
});

async function configured(options: VmOptions, config: Record<string, unknown>): Promise<Vm> {
  const vm = await Vm.configured({ ...options, config });
  closing.push(() => vm.dispose());
  return vm;
}

/** A VM with the address 192.0.2.`host` in one network. */
async function connected(path: string, host: number, options: VmOptions = {}): Promise<Vm> {
  const own = card(path, host);
  return await configured(
    { ...options, cards: [own] },
    { interfaces: [{ mac: own.mac, address: `192.0.2.${host}/24`, gateway: "192.0.2.1", mtu }] },
  );
}

async function sh(vm: Vm, command: string): Promise<string> {
  const { stdout, stderr, exit } = await vm.run(["sh", "-c", command]);
  assert.equal(exit.code, 0, stdout + stderr);
  return stdout;
}

test("a VM has its cards as they were ordered, with addresses, routes, names and no IPv6", async () => {
  const [web, webPath] = await network("web");
  const [db, dbPath] = await network("db", { gateway: "198.51.100.1" });
  const cards = [card(webPath, 2), card(dbPath, 3, "db")];
  const vm = await configured(
    { cards },
    {
      hostname: "box",
      domainname: "example.org",
      // The taps are there in the other order.
      interfaces: [
        { mac: "02:42:C0:00:02:03", address: "198.51.100.7/25", mtu },
        { mac: cards[0]?.mac, address: "192.0.2.2/24", gateway: "192.0.2.1", mtu: 1400 },
      ],
      dns: { servers: ["192.0.2.1"], search: ["example.org"], options: ["ndots:0"] },
      hosts: [["192.0.2.7", "other"]],
    },
  );
  const output = await sh(
    vm,
    "ip addr; ip route; cat /etc/hosts /etc/resolv.conf /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_unprivileged_port_start;" +
      "cat /proc/sys/net/ipv4/ping_group_range; ping -c 1 192.0.2.1; ping -c 1 -s 60000 198.51.100.1",
  );
  const inet = (name: string): string | undefined =>
    new RegExp(
      `\\d: ${name}: <[^>]*\\bUP\\b[^>]*> mtu (\\d+) [\\s\\S]*?link/ether (\\S+) [\\s\\S]*?inet (\\S+ brd \\S+)`,
    )
      .exec(output)
      ?.slice(1)
      .join(" ");
  assert.equal(inet("eth0"), "65520 02:42:c0:00:02:03 198.51.100.7/25 brd 198.51.100.127");
  assert.equal(inet("eth1"), "1400 02:42:c0:00:02:02 192.0.2.2/24 brd 192.0.2.255");
  assert.doesNotMatch(output.replace(/^\d+: lo:[\s\S]*?(?=^\d+:)/m, ""), /inet6/);
  assert.match(output, /^default via 192\.0\.2\.1 dev eth1/m);
  const hosts = "192.0.2.7\tother\n198.51.100.7\tbox.example.org box\n192.0.2.2\tbox.example.org box\n";
  assert.ok(output.includes(`ip6-allrouters\n${hosts}nameserver`), output);
  assert.match(
    output,
    /^nameserver 192\.0\.2\.1\nsearch example\.org\noptions ndots:0\nexample\.org\n0\n0\t16777215$/m,
  );
  assert.equal(output.match(/0% packet loss/g)?.length, 2);
  assert.deepEqual([web.endpoints, db.endpoints], [["e2"], ["e3"]]);
  assert.deepEqual([...db.sources], ["02:42:c0:00:02:03"]);
});

test("two VMs talk to each other", async () => {
  const [, path] = await network("web");
  const server = await connected(path, 2);
  const client = await connected(path, 3);
  const received = server.run(["sh", "-c", "echo listening; nc -l -p 80 | sha256sum"]);
  const sent = await sh(
    client,
    "head -c 4194304 /dev/urandom > /tmp/sent; until nc 192.0.2.2 80 < /tmp/sent; do sleep 0.1; done; sha256sum < /tmp/sent",
  );
  assert.equal((await received).stdout, `listening\n${sent}`);
});

test("the workload's namespace is its own, and its users can bind low ports", async () => {
  const [, path] = await network("web");
  const vm = await connected(path, 2);
  const stream = vm.attach();
  const served =
    "nc -l -p 80 < /etc/hostname & until nc 127.0.0.1 80 < /dev/null; do kill -0 $! || exit 9; done";
  await vm.start(["sh", "-c", `readlink /proc/self/ns/net; ${served}`], { user: "1000" });
  assert.equal((await stream.exit).code, 0, stream.stderr.toString());
  const [namespace, answer] = stream.stdout.toString().split("\n");
  assert.notEqual(namespace, readlinkSync("/proc/self/ns/net"));
  assert.equal(answer, "box");
});

/** How a VM with this card ends. */
async function failedStart(own: Card): Promise<string> {
  const vm = new Vm({ cards: [own] });
  closing.push(() => vm.dispose());
  await vm.monitorExit;
  const { exitCode, reason, message } = vm.exitRecord();
  assert.deepEqual([exitCode, reason], [125, "boot-failed"]);
  return message;
}

test("a network whose process does not run", async () => {
  assert.equal(
    await failedStart(card(join(tmpDir(), "none.sock"), 2)),
    "network web: its process does not run",
  );
});

test("a network whose process refuses the card", async () => {
  const [, path] = await network("web", { answer: '{"error":"no endpoint e2"}' });
  assert.equal(await failedStart(card(path, 2)), "network web: no endpoint e2");
});

test("a network whose process does not answer", async () => {
  const [, path] = await network("web", { answer: null });
  assert.equal(await failedStart(card(path, 2)), "network web: its process does not answer");
});

test("a network whose process answers nonsense", async () => {
  const [, path] = await network("web", { answer: "HTTP/1.1 400 Bad Request" });
  assert.match(await failedStart(card(path, 2)), /^network web: .*makes no sense$/);
});

test("a network whose process ends", async () => {
  const path = join(tmpDir(), "ends.sock");
  const server: Server = createServer((socket) => socket.destroy());
  await new Promise<void>((done) => server.listen(path, done));
  closing.push(() => server.close());
  assert.equal(await failedStart(card(path, 2)), "network web: its process ended the connection");
});

/** What the monitor says of a launch spec with these cards, before it does anything. */
function refusalOf(cards: unknown[]): string {
  const path = join(tmpDir(), "vmm.json");
  const directories = { stateDir: "/nowhere", runDir: "/nowhere", agentPath: "/nowhere" };
  const simulation = { network: "none" };
  const spec = {
    version: 1,
    vmId: "ab".repeat(32),
    runtime: "simulation",
    ...directories,
    simulation,
    cards,
  };
  writeFileSync(path, JSON.stringify(spec));
  return spawnSync(join(nativeDir, "mocker-vmm"), [path], { encoding: "utf8" }).stderr;
}

test("a launch spec's cards are checked", () => {
  const good = card("/cards.sock", 2);
  assert.match(
    refusalOf([{ ...good, socketPath: "cards.sock" }]),
    /cards\[0\]\.socketPath: must be an absolute/,
  );
  for (const mac of ["", "02:42:c0:00:02", "02:42:c0:00:02:02:02", "02-42-c0-00-02-02", "02:42:c0:00:02:0g"])
    assert.match(refusalOf([{ ...good, mac }]), /cards\[0\]\.mac: must be an address such as "02:42:/);
  assert.match(refusalOf([{ ...good, mac: "03:42:c0:00:02:02" }]), /cards\[0\]\.mac: must not be a group's/);
  assert.match(refusalOf([good, good]), /cards\[1\]\.mac: is used twice/);
  const many = Array.from({ length: 9 }, (_, host) => card("/cards.sock", host));
  assert.match(refusalOf(many), /cards: must be at most 8/);
});

test("a card that is not there names its interface", async () => {
  const [, path] = await network("web");
  const vm = await Vm.boot({ cards: [card(path, 2)] });
  closing.push(() => vm.dispose());
  const interfaces = [{ mac: "02:42:c0:00:02:09", address: "192.0.2.9/24", mtu }];
  await assert.rejects(vm.configure({ interfaces }), /network card eth0: .* 02:42:c0:00:02:09/);
});

test("a network that dies takes the link down, and the VM goes on", async () => {
  const [web, path] = await network("web");
  const vm = await connected(path, 2);
  const stream = vm.attach();
  await vm.start(["sh", "-c", "cat; cat /sys/class/net/eth0/carrier"]);
  web.close();
  await until(() => vm.vmmLog.includes("network web: its process is gone"));
  stream.endInput();
  assert.equal((await stream.exit).code, 0);
  assert.equal(stream.stdout.toString(), "0\n");
});

test("a network that sends what is no frame is cut off", async () => {
  const [web, path] = await network("web");
  const vm = await connected(path, 2);
  web.sendRaw(Buffer.from("ffffffff", "hex"));
  await until(() => vm.vmmLog.includes("network web: its process sent what is no frame"));
  assert.equal(await sh(vm, "cat /sys/class/net/eth0/carrier"), "0\n");
});

test("a VM that ends gives its card back, though a client has not read all yet", async () => {
  const [web, path] = await network("web");
  const vm = await connected(path, 2);
  const slow = vm.attach();
  slow.socket.pause();
  await vm.start(["sh", "-c", "yes | head -c 900000"]);
  await until(() => web.connections === 0);
  assert.equal(isAlive(vm.runtimeRecord().pid), true);
  slow.socket.resume();
  await slow.exit;
});

test("a krun VM's process has its cards, an empty network and no other socket than unix ones", async () => {
  const [web, webPath] = await network("web");
  const [db, dbPath] = await network("db");
  const source = join(rootDir(), "test", "native", "fake-libkrun.c");
  const libkrunPath = await compiled("libkrun.so.1", "cc", ["-shared", "-fPIC", source], [source]);
  const vm = new Vm({ libkrunPath, cards: [card(webPath, 2), card(dbPath, 3, "db")] });
  closing.push(() => vm.dispose());
  await until(
    () => web.sources.size === 1 && db.sources.size === 1 && /reach: .*\n/.test(vm.vmmLog),
    60_000,
    () => vm.vmmLog,
  );
  assert.deepEqual([...web.sources, ...db.sources], ["02:42:c0:00:02:02", "02:42:c0:00:02:03"]);
  // EAFNOSUPPORT, EPERM
  assert.match(vm.vmmLog, /reach: AF_INET 97 AF_INET6 97 AF_UNIX 0 listen 1 tsi 0$/m);
  const interfaces = readFileSync(`/proc/${vm.runtimeRecord().childPid}/net/dev`, "latin1");
  assert.deepEqual(
    interfaces.match(/^ *\S+(?=:)/gm)?.map((name) => name.trim()),
    ["lo"],
  );
});

test("a krun VM on the host's network says whether abstract unix sockets are in its reach", async () => {
  const source = join(rootDir(), "test", "native", "fake-libkrun.c");
  const libkrunPath = await compiled("libkrun.so.1", "cc", ["-shared", "-fPIC", source], [source]);
  const vm = new Vm({ libkrunPath });
  closing.push(() => vm.dispose());
  await until(() => /jail: .*\n/.test(vm.vmmLog));
  const scoped = Number(/Landlock \(version (\d+)\)/.exec(vm.vmmLog)?.[1] ?? 0) >= 6;
  assert.equal(/NOT active: .*scope of abstract unix sockets/.test(vm.vmmLog), !scoped, vm.vmmLog);
});

test("VMs in a network of mocker-netd's know and reach each other", async () => {
  const netd = new Netd();
  closing.push(() => netd.stop());
  const control = await netd.control();
  const [one, two] = await Promise.all(
    [2, 3].map(async (last) => {
      const { endpointId, mac, address, names } = endpointAt(last, [`vm${last}`]);
      await control.add({ endpointId, mac, address, names });
      const interfaces = [{ mac, address: `${address}/16`, gateway: "172.18.0.1", mtu }];
      const cards = [{ socketPath: netd.cardSocket, endpointId, mac }];
      return await configured(
        { cards },
        { interfaces, dns: { servers: ["172.18.0.1"], search: [], options: [] } },
      );
    }),
  );
  assert.ok(one && two);
  const pinged = two.run(["sh", "-c", "cat"]);
  assert.match(await sh(one, "ping -c 1 -s 60000 vm3"), /PING vm3 \(172\.18\.0\.3\)[\s\S]* 0% packet loss/);
  await two.request("stop", { signal: 9, graceMs: 0 });
  await pinged;
});
