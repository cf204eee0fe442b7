import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { needPrograms } from "../support/host.ts";
import { commandLines } from "../support/processes.ts";
import { retry } from "../support/retry.ts";
import { makeWayOut } from "../support/way-out.ts";
import type { Suite } from "./suite.ts";

const megabyte = 1024 * 1024;

/** Options of a VM that may reach the host's loopback by a name. */
const withHost = ["--add-host", "host.docker.internal:host-gateway"];

export function networkScenarios(get: () => Suite): void {
  const onHost = new HostServices();
  before(() => onHost.start());
  after(() => onHost.stop());

  test("a guest reaches a TCP and a UDP service of the host by host-gateway, and only so", async () => {
    const { mocker, images } = get();
    const ask = (address: string): string[] => [
      ...["perl", "-MIO::Socket::INET", "-e", askBoth],
      ...[address, String(onHost.tcpPort), String(onHost.udpPort)],
    ];
    const asked = await mocker.ok([
      ...["run", "--rm", ...withHost, images.debian],
      ...ask("host.docker.internal"),
    ]);
    assert.equal(asked, "tcp: from the host\nudp: from the host\n");
    const { gateway } = await bridge(get());
    for (const address of ["127.0.0.1", gateway, "169.254.169.254", "100.100.100.200"]) {
      const refused = await mocker.ok(["run", "--rm", images.debian, ...ask(address)]);
      assert.equal(refused, "tcp: nothing\nudp: nothing\n", address);
    }
  });

  test("VMs find each other by name and alias in a network of their own, not in others, nor on the default one", async () => {
    const { mocker, images } = get();
    await mocker.ok(["network", "create", "front"]);
    await mocker.ok(["network", "create", "back"]);
    const server = [images.busybox, ...serving("hello")];
    await mocker.ok([
      "run",
      "-d",
      "--name",
      "web1",
      "--network",
      "front",
      "--network-alias",
      "site",
      ...server,
    ]);
    const [{ Id: id, NetworkSettings: settings }] = JSON.parse(await mocker.ok(["inspect", "web1"]));
    const address: string = settings.Networks.front.IPAddress;
    const holding = [images.busybox, "sleep", "100000"];
    await mocker.ok(["run", "-d", "--name", "near", "--network", "front", ...holding]);
    for (const name of ["web1", "site", id.slice(0, 12), address])
      assert.equal(await mocker.ok(["exec", "near", ...getting(name)]), "hello\n", name);
    for (const network of ["back", "bridge"]) {
      await mocker.ok(["run", "-d", "--name", "far", "--network", network, ...holding]);
      for (const name of ["web1", address]) {
        const outside = await mocker.run(["exec", "far", ...getting(name, 1)]);
        assert.notEqual(outside.code, 0, `${name} from ${network}`);
        assert.equal(outside.stdout.toString(), "");
      }
      await mocker.ok(["rm", "-f", "far"]);
    }
    assert.equal(
      await mocker.ok([
        "run",
        "--rm",
        "--network",
        "back",
        "--network",
        "front",
        images.busybox,
        ...getting(address),
      ]),
      "hello\n",
    );
    const busy = await mocker.run(["network", "rm", "front"]);
    assert.match(busy.stderr, /error while removing network: network front has active endpoints/);
    await mocker.ok(["network", "disconnect", "front", "web1"]);
    const unplugged = await mocker.run(["exec", "near", ...getting("web1", 1)]);
    assert.notEqual(unplugged.code, 0);
    await mocker.ok(["network", "connect", "front", "web1"]);
    assert.equal(await mocker.ok(["exec", "near", ...getting("web1")]), "hello\n");
    await mocker.ok(["rm", "-f", "near"]);
    await mocker.ok(["rm", "-f", "web1"]);
    assert.equal(await mocker.ok(["network", "rm", "front", "back"]), "front\nback\n");
  });

  test("a VM in several networks finds the names of all of them, in any order", async () => {
    const { mocker, images } = get();
    await mocker.ok(["network", "create", "one"]);
    await mocker.ok(["network", "create", "two"]);
    await mocker.ok(["network", "create", "--internal", "three"]);
    const all = ["one", "two", "three"];
    const addresses = new Map<string, string>();
    for (const network of all) {
      const name = `in-${network}`;
      await mocker.ok([
        ...["run", "-d", "--name", name, "--network", network, images.busybox, ...serving(name)],
      ]);
      const [{ NetworkSettings: settings }] = JSON.parse(await mocker.ok(["inspect", name]));
      addresses.set(name, settings.Networks[network].IPAddress);
    }
    for (const order of [all, [...all].reverse()]) {
      const inAll = order.flatMap((network) => ["--network", network]);
      await mocker.ok(["run", "-d", "--name", "in-all", ...inAll, images.debian, "sleep", "100000"]);
      for (const [name, address] of addresses) {
        const page = `exec 3<>/dev/tcp/${name}/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; tail -n 1 <&3`;
        await mocker.until(["exec", "in-all", "bash", "-c", page], new RegExp(`^${name}$`, "m"));
        const found = await mocker.ok(["exec", "in-all", "getent", "ahosts", name]);
        assert.match(found, new RegExp(`^${address.replaceAll(".", "\\.")} +STREAM ${name}$`, "m"));
      }
      await mocker.ok(["rm", "-f", "in-all"]);
    }
    const names = [...addresses.keys()];
    await mocker.ok(["rm", "-f", ...names]);
    await mocker.ok(["network", "rm", ...all]);
  });

  test("an internal network has no way out, but its VMs have each other", async () => {
    const { mocker, images } = get();
    await mocker.ok(["network", "create", "--internal", "inner"]);
    await mocker.ok([
      "run",
      "-d",
      "--name",
      "web2",
      "--network",
      "inner",
      images.busybox,
      ...serving("inside"),
    ]);
    assert.equal(
      await mocker.ok(["run", "--rm", "--network", "inner", images.busybox, ...getting("web2")]),
      "inside\n",
    );
    const routes = await mocker.ok(["exec", "web2", "ip", "route"]);
    assert.doesNotMatch(routes, /default/);
    await mocker.ok(["rm", "-f", "web2"]);
    await mocker.ok(["network", "rm", "inner"]);
  });

  test("a port is published on all addresses or on one, and is free again when the VM has ended", async () => {
    const { mocker, images } = get();
    const [all, one, other] = [await freePort(), await freePort(), await freePort()];
    await mocker.ok([
      ...["run", "-d", "--name", "web3", "-p", `${all}:80`, "-p", `127.0.0.1:${one}:80`],
      ...[images.busybox, ...serving("published")],
    ]);
    await mocker.until(["exec", "web3", ...getting("127.0.0.1")], /published/);
    for (const url of [`http://127.0.0.1:${all}/`, `http://[::1]:${all}/`, `http://127.0.0.1:${one}/`])
      assert.equal(await (await fetch(url)).text(), "published\n", url);
    await assert.rejects(fetch(`http://[::1]:${one}/`));
    assert.equal(await mocker.ok(["port", "web3", "80"]), `0.0.0.0:${all}\n127.0.0.1:${one}\n[::]:${all}\n`);
    const ports = await mocker.ok(["ps", "--filter", "name=web3", "--format", "{{.Ports}}"]);
    assert.equal(ports, `0.0.0.0:${all}->80/tcp, 127.0.0.1:${one}->80/tcp, [::]:${all}->80/tcp\n`);

    const clash = await mocker.run([
      "run",
      "--rm",
      "--name",
      "late",
      "-p",
      `${all}:80`,
      images.busybox,
      "true",
    ]);
    assert.equal(clash.code, 125);
    assert.match(clash.stderr, new RegExp(`Bind for 0\\.0\\.0\\.0:${all} failed: port is already allocated`));
    assert.match(clash.stderr, /The VM web3 has it/);
    const taken = await mocker.run(["run", "--rm", "-p", `${onHost.tcpPort}:80`, images.busybox, "true"]);
    assert.equal(taken.code, 125);
    assert.match(
      taken.stderr,
      new RegExp(`failed to bind host port [^ ]*:${onHost.tcpPort}/tcp: address already in use`),
    );
    const nobody = await mocker.run(["run", "--rm", "-p", `192.0.2.99:${other}:80`, images.busybox, "true"]);
    assert.match(nobody.stderr, /cannot assign requested address/);

    await mocker.ok(["restart", "-t", "0", "web3"]);
    await mocker.until(["exec", "web3", ...getting("127.0.0.1")], /published/);
    assert.equal(await (await fetch(`http://127.0.0.1:${all}/`)).text(), "published\n");
    await mocker.ok(["rm", "-f", "web3"]);
    await assert.rejects(fetch(`http://127.0.0.1:${all}/`));
    assert.equal((await mocker.run(["run", "--rm", "-p", `${all}:80`, images.busybox, "true"])).code, 0);
  });

  test("what a guest listens on is reached on the host only where it is published", async () => {
    const { mocker, images } = get();
    const port = await freePort();
    const command = ["sh", "-c", `echo open >/tmp/index.html; exec httpd -f -p ${port} -h /tmp`];
    await mocker.ok(["run", "-d", "--name", "quiet", "--expose", String(port), images.busybox, ...command]);
    await mocker.until(["exec", "quiet", ...getting(`127.0.0.1:${port}`)], /open/);
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
    assert.equal(await mocker.ok(["ps", "-f", "name=quiet", "--format", "{{.Ports}}"]), `${port}/tcp\n`);
    await mocker.ok(["rm", "-f", "quiet"]);
  });

  test("passt carries a VM's traffic by choice, publishes ports, and ends with it", async () => {
    const { mocker, images } = get();
    await needPrograms({ passt: "passt", ip: "iproute2" });
    const undo = makeWayOut();
    try {
      const port = await freePort();
      const started = ["run", "-d", "--name", "by-passt", "--network", "passt", ...withHost];
      await mocker.ok([...started, "-p", `127.0.0.1:${port}:80`, images.busybox, ...serving("by passt")]);
      await mocker.until(["exec", "by-passt", ...getting("127.0.0.1")], /by passt/);
      assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "by passt\n");
      assert.match(
        await mocker.ok(["port", "by-passt"]),
        new RegExp(`^80/tcp -> 127\\.0\\.0\\.1:${port}$`, "m"),
      );
      const [{ HostConfig: config, NetworkSettings: settings }] = JSON.parse(
        await mocker.ok(["inspect", "by-passt"]),
      );
      assert.deepEqual([config.NetworkMode, settings.Networks.passt.IPAddress], ["passt", "10.0.2.15"]);
      const taken = await mocker.run([
        ...["run", "--rm", "--network", "passt", "-p", `127.0.0.1:${port}:80`, images.busybox, "true"],
      ]);
      assert.equal(taken.code, 125);
      assert.match(taken.stderr, new RegExp(`network passt: .*${port}`));
      const [tcp, udp] = [String(onHost.tcpPort), String(onHost.udpPort)];
      const ask = ["perl", "-MIO::Socket::INET", "-e", askBoth];
      const seen = await mocker.ok([
        ...["run", "--rm", "--network", "passt", ...withHost, images.debian],
        ...[...ask, "host.docker.internal", tcp, udp],
      ]);
      assert.equal(seen, "tcp: from the host\nudp: from the host\n");
      const unseen = ["run", "--rm", "--network", "passt", images.debian, ...ask, "10.0.2.2", tcp, udp];
      assert.equal(await mocker.ok(unseen), "tcp: nothing\nudp: nothing\n");
      await mocker.ok(["rm", "-f", "by-passt"]);
      await retry(() => !commandLines().some((words) => words.includes(`127.0.0.1/${port}:80`)), {
        what: "passt to end",
      });
    } finally {
      undo();
    }
  });

  test("a UDP port is published", async () => {
    const { mocker, images } = get();
    await mocker.ok([
      ...["run", "-d", "--name", "echo", "-p", "127.0.0.1::5353/udp", images.debian],
      ...["perl", "-MIO::Socket::INET", "-e", udpEcho],
    ]);
    const port = Number((await mocker.ok(["port", "echo", "5353/udp"])).trim().split(":")[1]);
    const client = createSocket("udp4");
    const answer = new Promise<Buffer>((resolve) => client.once("message", resolve));
    // The first packets may come before anybody listens.
    const timer = setInterval(() => client.send("ping", port, "127.0.0.1"), 100);
    assert.equal((await answer).toString(), "echo ping");
    clearInterval(timer);
    client.close();
    await mocker.ok(["rm", "-f", "echo"]);
  });

  test("64 MiB go each way unchanged while a peer that never reads disturbs neither them, nor exec, nor stop", async () => {
    const { mocker, images, runtime } = get();
    const size = (runtime === "krun" ? 8 : 64) * megabyte;
    await mocker.ok([
      ...["run", "-d", "--name", "bulk", "-p", "127.0.0.1::7000", "-p", "127.0.0.1::7001", images.debian],
      ...["perl", "-MIO::Socket::INET", "-e", bulkServer],
    ]);
    const portOf = async (port: number): Promise<number> =>
      Number((await mocker.ok(["port", "bulk", String(port)])).trim().split(":")[1]);
    const [flood, echo] = [await portOf(7000), await portOf(7001)];
    await mocker.until(["exec", "bulk", "cat", "/proc/net/tcp"], /:1B59 /);
    const stuck = connect(flood, "127.0.0.1").pause();
    await once(stuck, "connect");
    const sent = randomBytes(size);
    assert.equal(await echoed(echo, sent), createHash("sha256").update(sent).digest("hex"));
    assert.equal(await mocker.ok(["exec", "bulk", "echo", "still here"]), "still here\n");
    await mocker.ok(["stop", "-t", "0", "bulk"]);
    stuck.destroy();
    await mocker.ok(["rm", "bulk"]);
  });

  test("--network none reaches nothing, and --network host says what it is", async () => {
    const { mocker, images } = get();
    const none = await mocker.ok(["run", "--rm", "--network", "none", images.busybox, "ip", "-o", "link"]);
    assert.doesNotMatch(none, /eth0/);
    const host = await mocker.run(["run", "--rm", "--network", "host", images.busybox, "ip", "-o", "link"]);
    assert.match(host.stdout.toString(), /eth0/);
    assert.match(host.stderr, /WARNING: --network host: a VM has a network of its own/);
  });

  test("a guest has the names, resolvers and addresses that were asked for", async () => {
    const { mocker, images } = get();
    await mocker.ok(["network", "create", "--subnet", "10.213.0.0/24", "planned"]);
    const output = await mocker.ok([
      ...["run", "--rm", "--network", "planned", "--ip", "10.213.0.77", "--mac-address", "92:d0:c6:0a:29:33"],
      ...["--hostname", "box", "--domainname", "corp.example", "--add-host", "other:10.0.0.9"],
      ...["--dns-search", "corp.example", "--dns-option", "ndots:2", images.busybox],
      ...[
        "sh",
        "-c",
        "cat /etc/hosts /etc/resolv.conf; ip -o addr show eth0; ip -o link show eth0; hostname",
      ],
    ]);
    for (const line of [
      /^10\.213\.0\.77\tbox\.corp\.example box$/m,
      /^10\.0\.0\.9\tother$/m,
      /^nameserver 10\.213\.0\.1$/m,
      /^search corp\.example$/m,
      /^options ndots:2$/m,
      /inet 10\.213\.0\.77\/24/,
      /92:d0:c6:0a:29:33/,
      /^box$/m,
    ])
      assert.match(output, line);
    const wrong = await mocker.run([
      "run",
      "--rm",
      "--network",
      "planned",
      "--ip",
      "10.9.9.9",
      images.busybox,
    ]);
    assert.match(wrong.stderr, /no configured subnet contains IP address 10\.9\.9\.9/);
    await mocker.ok(["network", "rm", "planned"]);
  });

  test("a network whose process was killed says so, its VMs run on, and the next start has it again", async () => {
    const { mocker, images } = get();
    const port = await freePort();
    await mocker.ok(["network", "create", "fragile"]);
    await mocker.ok([
      ...["run", "-d", "--name", "held", "--network", "fragile", "-p", `127.0.0.1:${port}:80`],
      ...[images.busybox, ...serving("held")],
    ]);
    const pid = Number(await mocker.ok(["network", "inspect", "-f", "{{.Mocker.pid}}", "fragile"]));
    process.kill(pid, "SIGKILL");
    await mocker.until(
      ["inspect", "-f", "{{json .Mocker.endpoints}}", "held"],
      /the process of the network fragile has ended/,
    );
    assert.equal(await mocker.ok(["exec", "held", "echo", "runs"]), "runs\n");
    await mocker.ok(["restart", "-t", "0", "held"]);
    await mocker.until(["exec", "held", ...getting("127.0.0.1")], /held/);
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "held\n");
    await mocker.ok(["rm", "-f", "held"]);
    await mocker.ok(["network", "rm", "fragile"]);
  });

  test("an engine that was killed finds networks and ports again, and a killed VM leaves none", async () => {
    const { mocker, images } = get();
    const port = await freePort();
    await mocker.ok([
      ...["run", "-d", "--name", "kept", "-p", `127.0.0.1:${port}:80`, images.busybox, ...serving("kept")],
    ]);
    await mocker.until(["exec", "kept", ...getting("127.0.0.1")], /kept/);
    process.kill(await mocker.enginePid(), "SIGKILL");
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "kept\n");
    assert.equal(await mocker.ok(["port", "kept"]), `80/tcp -> 127.0.0.1:${port}\n`);
    const [{ State: state }] = JSON.parse(await mocker.ok(["inspect", "kept"]));
    process.kill(await mocker.enginePid(), "SIGKILL");
    process.kill(state.Pid, "SIGKILL");
    await mocker.waitForProcessEnd(state.Pid);
    await mocker.until(["ps", "-a", "--format", "{{.Names}} {{.State}} {{.Ports}}"], /kept exited \n/);
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
    assert.equal(
      (await mocker.run(["run", "--rm", "-p", `127.0.0.1:${port}:80`, images.busybox, "true"])).code,
      0,
    );
    await mocker.ok(["rm", "kept"]);
  });
}

/** A TCP and a UDP service on the host's loopback. */
class HostServices {
  #tcp: Server | undefined;
  #udp: UdpSocket | undefined;
  tcpPort = 0;
  udpPort = 0;

  async start(): Promise<void> {
    const tcp = createServer((socket) => socket.end("from the host\n"));
    tcp.listen(0, "127.0.0.1");
    await once(tcp, "listening");
    const udp = createSocket("udp4");
    udp.on("message", (_, { port, address }) => udp.send("from the host\n", port, address));
    udp.bind(0, "127.0.0.1");
    await once(udp, "listening");
    this.#tcp = tcp;
    this.#udp = udp;
    this.tcpPort = (tcp.address() as AddressInfo).port;
    this.udpPort = udp.address().port;
  }

  stop(): void {
    this.#tcp?.close();
    this.#udp?.close();
  }
}

/** Perl: what TCP and UDP ports of an address answer. */
const askBoth = `
  my ($address, $tcp, $udp) = @ARGV;
  my $s = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $tcp, Timeout => 5);
  print "tcp: ", ($s ? scalar(<$s>) : undef) // "nothing\\n";
  $s = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $udp, Proto => "udp");
  my $text = "";
  for (1..8) {
    $s->send("?");
    my $in = ""; vec($in, fileno($s), 1) = 1;
    last if select($in, undef, undef, 0.25) && defined($s->recv($text, 100)) && length($text);
  }
  print "udp: ", length($text) ? $text : "nothing\\n";
`;

/** Perl: answers each packet with its own words. */
const udpEcho = `
  my $s = IO::Socket::INET->new(LocalPort => 5353, Proto => "udp") or die;
  while (1) { $s->recv(my $text, 1500); $s->send("echo $text"); }
`;

/** Perl: port 7000 writes for ever and 7001 sends back what it has read, each connection in a process. */
const bulkServer = `
  $SIG{CHLD} = "IGNORE";
  sub serve {
    my ($port, $act) = @_;
    my $l = IO::Socket::INET->new(LocalPort => $port, Listen => 9) or die;
    while (1) { my $c = $l->accept or next; next if fork; $act->($c); exit; }
  }
  if (!fork) { serve(7000, sub { my $c = shift; my $x = "x" x 65536; 1 while syswrite($c, $x); }); }
  serve(7001, sub {
    my $c = shift;
    while (sysread($c, my $data, 262144)) {
      my $at = 0;
      while ($at < length $data) { $at += syswrite($c, $data, length($data) - $at, $at) // exit; }
    }
  });
`;

/** The SHA-256 of what comes back for what is sent. */
async function echoed(port: number, sent: Buffer): Promise<string> {
  const socket: Socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const hash = createHash("sha256");
  let count = 0;
  const done = new Promise<void>((resolve, reject) => {
    socket.on("data", (chunk) => {
      hash.update(chunk);
      count += chunk.length;
      if (count >= sent.length) resolve();
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`the connection ended after ${count} bytes`)));
  });
  socket.write(sent);
  await done;
  socket.destroy();
  return hash.digest("hex");
}

async function bridge({ mocker }: Suite): Promise<{ gateway: string }> {
  return {
    gateway: (
      await mocker.ok(["network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge"])
    ).trim(),
  };
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const listener = createServer();
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

/** A command that serves `words` on port 80. */
function serving(words: string): string[] {
  return ["sh", "-c", `echo ${words} >/tmp/index.html; exec httpd -f -p 80 -h /tmp`];
}

/** A command that prints what a web server answers, which may not listen yet; fails after `tries`. */
function getting(host: string, tries = 5): string[] {
  // BusyBox 1.35 has a wget whose own time limit crashes it.
  const wget = `timeout 3 wget -q -O - http://${host}/ 2>/dev/null`;
  return ["sh", "-c", `n=0; until ${wget}; do n=$((n+1)); [ $n -lt ${tries} ] || exit 1; sleep 0.2; done`];
}
