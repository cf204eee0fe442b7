import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { endpointAt, Netd } from "../native/net/netd.ts";
import { type Json, until, Vm } from "../native/vm.ts";
import { Mocker } from "../support/mocker.ts";
import { stretched } from "../support/paths.ts";

// A microVM with two network cards, whose networks are real ones.

let registry: Registry;
const mocker = new Mocker();
let echoedBytes = 0;
const echo = createServer({ allowHalfOpen: true }, (socket) => {
  socket
    .on("error", () => {})
    .on("data", (data) => {
      echoedBytes += data.length;
    });
  socket.pipe(socket);
});
let web: Netd;
let db: Netd;
let vm: Vm;

before(async () => {
  registry = await startRegistry();
  await new Promise<void>((done) => echo.listen(0, "127.0.0.1", done));
  // The engine boots it once: its disks are what the VM below has.
  const image = `${registry.host}/busybox`;
  const id = (await mocker.ok(["run", "-d", "--network", "none", image, "sleep", "100000"])).trim();
  const spec = readFileSync(join(mocker.dataDir, "state", id, "vmm.json"), "utf8");
  const { krun } = JSON.parse(spec) as { krun: Json };
  await mocker.ok(["kill", id]);

  web = new Netd();
  db = new Netd({ name: "db", subnet: "10.7.0.0/24", gateway: "10.7.0.1", internal: true });
  const endpoint = {
    ...endpointAt(2, ["box"], [{ protocol: "tcp", guestPort: 80, hostAddress: "127.0.0.1", hostPort: 0 }]),
    hostGateway: true,
  };
  const inDb = { endpointId: "in-db", mac: "02:42:0a:07:00:02", address: "10.7.0.2", names: [] };
  publishedPort = (await (await web.control()).add(endpoint))[0]?.hostPort ?? 0;
  await (await db.control()).add(inDb);
  vm = await Vm.configured({
    krun,
    cards: [
      { socketPath: web.cardSocket, endpointId: endpoint.endpointId, mac: endpoint.mac, networkName: "web" },
      { socketPath: db.cardSocket, endpointId: inDb.endpointId, mac: inDb.mac, networkName: "db" },
    ],
    config: {
      rootfs: { kind: "disks", lower: "/dev/vda", lowerType: "erofs", upper: "/dev/vdb", upperType: "ext4" },
      interfaces: [
        { mac: endpoint.mac, address: "172.18.0.2/16", gateway: "172.18.0.1", mtu: 65_520 },
        { mac: inDb.mac, address: "10.7.0.2/24", mtu: 65_520 },
      ],
      dns: { servers: ["172.18.0.1"], search: [], options: [] },
      domainname: "example.org",
    },
  });
  await vm.start(["sleep", "100000"]);
});
after(async () => {
  await vm?.dispose();
  await Promise.all([web?.stop(), db?.stop()]);
  echo.close();
  await mocker.close();
  await registry?.stop();
});

let publishedPort = 0;
let execs = 0;
async function sh(script: string): Promise<string> {
  const stream = await vm.exec(`exec-${++execs}`, ["sh", "-c", script]);
  const { code } = await stream.exit;
  assert.equal(code, 0, `${stream.stdout} ${stream.stderr}`);
  return stream.stdout.toString();
}

test("the cards are set up, and nothing else is", async () => {
  const text = await sh(
    "ip addr; ip route; cat /etc/hosts /proc/cmdline /proc/sys/net/ipv4/ping_group_range",
  );
  assert.match(
    text,
    /eth0: <\S*\bLOWER_UP\b\S*> mtu 65520 [\s\S]*link\/ether 02:42:ac:12:00:02 [\s\S]*inet 172\.18\.0\.2\/16 brd 172\.18\.255\.255/,
  );
  assert.match(
    text,
    /eth1: <\S*\bLOWER_UP\b\S*> mtu 65520 [\s\S]*link\/ether 02:42:0a:07:00:02 [\s\S]*inet 10\.7\.0\.2\/24/,
  );
  assert.match(text, /^default via 172\.18\.0\.1 dev eth0/m);
  assert.match(text, /^172\.18\.0\.2\tbox\.example\.org box\n10\.7\.0\.2\tbox\.example\.org box$/m);
  assert.match(text, /^0\t2147483647$/m);
  assert.doesNotMatch(text, /tsi_hijack|inet6 fe80/);
});

test("both networks answer, with frames of every size", async () => {
  const text = await sh("ping -c 2 172.18.0.1; ping -c 2 -s 60000 10.7.0.1; nslookup box 172.18.0.1");
  assert.equal(text.match(/ 0% packet loss/g)?.length, 2, text);
  assert.match(text, /Address.*172\.18\.0\.2/);
});

test("a guest's connection passes through the card to the host and back", async () => {
  const { port } = echo.address() as AddressInfo;
  const script = `dd if=/dev/urandom of=/tmp/sent bs=64k count=16 2>/dev/null; nc 172.18.0.1 ${port} < /tmp/sent | sha256sum; sha256sum < /tmp/sent`;
  const [received, sent] = (await sh(script)).trim().split("\n");
  assert.equal(received, sent);
});

test("a published port reaches what listens in the guest", async () => {
  await sh("mkdir -p /tmp/www; echo inside > /tmp/www/index.html; httpd -p 80 -h /tmp/www");
  const answer = await fetch(`http://127.0.0.1:${publishedPort}/index.html`);
  assert.equal(await answer.text(), "inside\n");
});

test("the VM's process has an empty network namespace", () => {
  const interfaces = readFileSync(`/proc/${vm.runtimeRecord().childPid}/net/dev`, "latin1");
  assert.deepEqual(
    interfaces.match(/^ *\S+(?=:)/gm)?.map((name) => name.trim()),
    ["lo"],
  );
  assert.match(vm.vmmLog, /jail: .*network namespace/);
});

test("a network that is killed disturbs neither an exec nor the other network", async () => {
  const { port } = echo.address() as AddressInfo;
  const busy = await vm.exec("busy", ["sh", "-c", `yes | nc 172.18.0.1 ${port} > /dev/null`]);
  const beforehand = echoedBytes;
  await until(() => echoedBytes > beforehand + 100_000, stretched(10_000));
  web.process.kill("SIGKILL");
  await web.exited;
  assert.match(await sh("echo alive; ping -c 1 10.7.0.1"), /^alive\n[\s\S]* 0% packet loss/);
  busy.socket.destroy();
});
