import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { stretched } from "../../support/paths.ts";
import {
  type Control,
  type EndpointRequest,
  endpointAt,
  FakeVm,
  lanAddress,
  macOf,
  Netd,
  World,
} from "./netd.ts";
import {
  arpRequest,
  broadcast,
  echoRequest,
  ethernet,
  flags,
  gatewayMac,
  ipv4,
  isIpv4,
  parsed,
  protocols,
  RawCard,
  segment,
  syn,
  udp,
} from "./raw-card.ts";
import { ask, checksumOf, listen, openMany, send } from "./talk.ts";

// Who may say what to whom in a network, frame by frame.

const gateway = "172.18.0.1";

describe("mocker-netd's switch", () => {
  let world: World;
  let netd: Netd;
  let control: Control;
  let gatewayAddress: string;
  let one: RawCard;
  let two: RawCard;
  const first: EndpointRequest = endpointAt(2);
  const second: EndpointRequest = endpointAt(3);
  before(async () => {
    world = await World.make();
    netd = new Netd({}, world.host);
    control = await netd.control();
    [one, two] = (await Promise.all([first, second].map(join))) as [RawCard, RawCard];
    gatewayAddress = await gatewayMac(one, first);
  });
  after(async () => {
    one?.close();
    two?.close();
    await netd?.stop();
    await world?.close();
  });
  beforeEach(() => {
    one.frames.length = 0;
    two.frames.length = 0;
  });

  async function join(endpoint: EndpointRequest): Promise<RawCard> {
    await control.add(endpoint);
    const card = new RawCard(netd.cardSocket, endpoint.endpointId);
    assert.equal(await card.answer, '{"ok":true}');
    return card;
  }

  const said = (text: string) => (frame: Buffer) => frame.includes(text);

  /** A datagram from the first endpoint, with whatever is wrong with it. */
  function datagram({
    to = second.mac,
    mac = first.mac,
    from = first.address,
    type = 0x0800,
    text = "",
  }): Buffer {
    return ethernet(to, mac, type, ipv4(from, second.address, protocols.udp, udp(1, 2, Buffer.from(text))));
  }

  /** Sends frames of which the last must arrive, and none of the others. */
  async function onlyTheLast(frames: Buffer[]): Promise<void> {
    for (const frame of frames) one.send(frame);
    one.send(datagram({ text: "the last" }));
    await two.find(said("the last"));
    assert.equal(two.frames.length, 1);
  }

  /** The first segment to a port of an address that is not in the network, or said not to be. */
  function tcpTo(address: string): Buffer {
    const packet = ipv4(first.address, address, protocols.tcp, syn(4000, 7500));
    return ethernet(gatewayAddress, first.mac, 0x0800, packet);
  }

  async function droppedFrames(): Promise<number> {
    return (
      (await control.status()).find(({ endpointId }) => endpointId === first.endpointId)?.droppedFrames ?? 0
    );
  }

  test("carries a frame to the endpoint that has the address, unchanged", async () => {
    const frame = datagram({ text: "to you" });
    one.send(frame);
    assert.deepEqual(await two.find(said("to you")), frame);
  });

  test("carries frames of every size up to the MTU's", async () => {
    for (const size of [14 + 20 + 8, 1514, 9014, 65_534]) {
      const frame = datagram({ text: "y".repeat(size - 14 - 20 - 8) });
      one.send(frame);
      assert.deepEqual(await two.find((found) => found.length === size), frame);
    }
  });

  test("carries broadcasts to all others", async () => {
    one.send(datagram({ to: broadcast, text: "to all" }));
    await two.find(said("to all"));
    assert.equal(one.frames.filter(said("to all")).length, 0);
  });

  test("refuses another's MAC address, and counts it", async () => {
    const before = await droppedFrames();
    await onlyTheLast([
      datagram({ mac: second.mac }),
      datagram({ mac: macOf(77) }),
      datagram({ mac: gatewayAddress }),
    ]);
    assert.equal((await droppedFrames()) - before, 3);
  });

  test("refuses another's IP address", async () => {
    await onlyTheLast([
      datagram({ from: second.address }),
      datagram({ from: gateway }),
      datagram({ from: "8.8.8.8" }),
      datagram({ from: "0.0.0.0" }),
    ]);
  });

  test("refuses ARP in another's name", async () => {
    const arp = (mac: string, address: string) =>
      ethernet(broadcast, first.mac, 0x0806, arpRequest(mac, address, second.address));
    await onlyTheLast([
      arp(first.mac, second.address),
      arp(first.mac, gateway),
      arp(second.mac, first.address),
      arp(first.mac, "0.0.0.0"),
    ]);
    // Nor does the gateway learn it.
    const gatewayLearns = arpRequest(first.mac, second.address, gateway);
    one.send(ethernet(gatewayAddress, first.mac, 0x0806, gatewayLearns));
    const ping = echoRequest(7, 1, "still me");
    two.send(
      ethernet(gatewayAddress, second.mac, 0x0800, ipv4(second.address, gateway, protocols.icmp, ping)),
    );
    await two.find(said("still me"));
    assert.equal(one.frames.length, 0);
  });

  test("refuses IPv6, VLANs, DHCP, multicast and unknown addresses", async () => {
    await onlyTheLast([
      datagram({ type: 0x86dd }),
      datagram({ type: 0x8100 }),
      datagram({ to: "33:33:00:00:00:01" }),
      datagram({ to: "01:00:5e:00:00:fb" }),
      datagram({ to: macOf(99) }),
    ]);
  });

  test("survives frames that are cut anywhere", async () => {
    const whole = [
      datagram({ text: "cut" }),
      ethernet(
        gatewayAddress,
        first.mac,
        0x0800,
        ipv4(first.address, "10.9.9.9", protocols.udp, udp(1, 53, Buffer.alloc(12))),
      ),
      ethernet(
        gatewayAddress,
        first.mac,
        0x0800,
        ipv4(first.address, gateway, protocols.udp, udp(1, 53, Buffer.alloc(12))),
      ),
      ethernet(gatewayAddress, first.mac, 0x0800, ipv4(first.address, "10.9.9.9", protocols.tcp, syn(1, 2))),
      ethernet(
        gatewayAddress,
        first.mac,
        0x0800,
        ipv4(first.address, "10.9.9.9", protocols.icmp, echoRequest(1, 1, "x")),
      ),
      ethernet(gatewayAddress, first.mac, 0x0806, arpRequest(first.mac, first.address, gateway)),
    ];
    for (const frame of whole)
      for (let length = 0; length < frame.length; length++) one.send(frame.subarray(0, length));
    one.send(datagram({ text: "the last" }));
    await two.find(said("the last"));
  });

  test("survives frames of random bytes behind right addresses", async () => {
    // xorshift32: the same each time.
    let seed = 0x2545f491;
    const random = () => {
      seed ^= seed << 13;
      seed ^= seed >>> 17;
      seed ^= seed << 5;
      return seed >>> 0;
    };
    for (let round = 0; round < 20_000; round++) {
      const protocol = [protocols.icmp, protocols.tcp, protocols.udp, random() & 255][round % 4] ?? 0;
      const destination = [gateway, "10.9.9.9", "127.0.0.1", "255.255.255.255"][random() % 4] ?? "";
      const body = Buffer.alloc(random() % 120, "").map(() => random());
      const frame = ethernet(
        gatewayAddress,
        first.mac,
        0x0800,
        ipv4(first.address, destination, protocol, body),
      );
      // What is not an address of the sender's may be anything.
      for (let flips = random() % 4; flips > 0; flips--) {
        const at = 14 + (random() % (frame.length - 14));
        if (at < 26 || at > 29) frame[at] = random();
      }
      one.send(frame);
    }
    one.send(datagram({ text: "the last" }));
    await two.find(said("the last"));
  });

  test("ends a card that announces a frame longer than any", async () => {
    const endpoint = endpointAt(9);
    const card = await join(endpoint);
    card.socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    await card.closed;
    assert.ok(!(await control.status()).some(({ endpointId }) => endpointId === endpoint.endpointId));
  });

  test("drops a frame that is longer than the MTU allows", async () => {
    await onlyTheLast([datagram({ text: "z".repeat(65_535 - 42) })]);
  });

  test("answers ping at the gateway", async () => {
    one.send(
      ethernet(
        gatewayAddress,
        first.mac,
        0x0800,
        ipv4(first.address, gateway, protocols.icmp, echoRequest(5, 6, "hello")),
      ),
    );
    const { from, payload } = parsed(await one.find(said("hello")));
    assert.equal(from, gateway);
    assert.equal(payload[0], 0);
  });

  test("carries pings to the outside", async () => {
    const ping = ipv4(first.address, "10.9.9.9", protocols.icmp, echoRequest(0x1234, 42, "far"));
    one.send(ethernet(gatewayAddress, first.mac, 0x0800, ping));
    const { from, to, payload } = parsed(await one.find(said("far")));
    assert.deepEqual([from, to, payload[0]], ["10.9.9.9", first.address, 0]);
    assert.deepEqual([payload.readUInt16BE(4), payload.readUInt16BE(6)], [0x1234, 42]);
  });

  test("carries no ping to the host's loopback", async () => {
    const ping = ipv4(first.address, "127.0.0.1", protocols.icmp, echoRequest(1, 1, "near"));
    one.send(ethernet(gatewayAddress, first.mac, 0x0800, ping));
    // Destination unreachable, administratively prohibited (RFC 1812, 5.2.7.1).
    const { from, payload } = parsed(await one.find(isIpv4));
    assert.deepEqual([from, payload[0], payload[1]], [gateway, 3, 13]);
  });

  test("resets at once what a guest's packets ask of another VM by the gateway", async () => {
    one.send(tcpTo(second.address));
    const { from, payload } = parsed(await one.find((frame) => isIpv4(frame) && frame[23] === protocols.tcp));
    assert.equal(from, second.address);
    assert.ok((payload[13] ?? 0) & 0x04, "RST");
  });

  test("drops what no guest's network stack would send: to loopback, nowhere and multicast", async () => {
    await listen(world.host, "127.0.0.1", 7500);
    for (const address of ["127.0.0.1", "127.8.8.8", "0.0.0.0", "224.0.0.1", "255.255.255.255"])
      one.send(tcpTo(address));
    one.send(tcpTo(second.address));
    const answers = () => one.frames.filter((frame) => isIpv4(frame) && frame[23] === protocols.tcp);
    await one.find((frame) => isIpv4(frame) && frame[23] === protocols.tcp);
    assert.equal(answers().length, 1);
  });

  test("unplugs and plugs in again", async () => {
    await control.request("endpoint.update", { endpointId: second.endpointId, up: false });
    one.send(datagram({ text: "lost" }));
    await control.request("status");
    await control.request("endpoint.update", { endpointId: second.endpointId, up: true });
    one.send(datagram({ text: "found" }));
    await two.find(said("found"));
    assert.equal(two.frames.filter(said("lost")).length, 0);
  });

  test("a connection whose end had to be said twice takes no place from the next", async () => {
    await listen(world.outside, lanAddress, 7300);
    const send = (port: number, has: number, sequence: number, acknowledged = 0) => {
      const tcp = segment(port, 7300, has, sequence, acknowledged);
      const packet = ipv4(first.address, lanAddress, protocols.tcp, tcp);
      one.send(ethernet(gatewayAddress, first.mac, 0x0800, packet));
    };
    // As many as an endpoint may have.
    let left = 1024;
    const pending = new Map<number, "begun" | "ended" | "waits">();
    let nextPort = 20_000;
    for (let rounds = stretched(60_000) / 5; left > 0 || pending.size > 0; rounds--) {
      assert.ok(rounds > 0, `${left} to begin, ${pending.size} have not ended`);
      for (; left > 0 && pending.size < 200; left--) {
        pending.set(nextPort, "begun");
        send(nextPort++, flags.syn, 1000);
      }
      for (const frame of one.frames.splice(0)) {
        if (!isIpv4(frame)) continue;
        const { protocol, payload } = parsed(frame);
        if (protocol !== protocols.tcp || payload.readUInt16BE(0) !== 7300) continue;
        const port = payload.readUInt16BE(2);
        const has = payload[13] ?? 0;
        const data = payload.length - ((payload[12] ?? 0) >> 4) * 4;
        const end = payload.readUInt32BE(4) + data;
        const state = pending.get(port);
        assert.equal(has & flags.rst, 0, `port ${port} is ${state} and was reset`);
        if (has & flags.syn) {
          send(port, flags.ack | flags.fin, 1001, end + 1);
          pending.set(port, "ended");
        } else if ((has & flags.fin) === 0) {
          if (data > 0) send(port, flags.ack, 1002, end);
        } else if (state === "ended") {
          pending.set(port, "waits");
        } else {
          send(port, flags.ack, 1002, end + 1);
          pending.delete(port);
        }
      }
      await sleep(5);
    }
    send(19_999, flags.syn, 1000);
    const answer = await one.find(
      (frame) => isIpv4(frame) && parsed(frame).payload.readUInt16BE(2) === 19_999,
    );
    assert.equal(parsed(answer).payload[13], flags.syn | flags.ack);
  });
});

describe("VMs of one network", () => {
  let netd: Netd;
  let control: Control;
  let vms: FakeVm[];
  before(async () => {
    netd = new Netd();
    control = await netd.control();
    vms = await Promise.all(
      [2, 3, 4].map(async (last) => {
        const endpoint = endpointAt(last);
        await control.add(endpoint);
        return FakeVm.join(netd, endpoint);
      }),
    );
    for (const [i, vm] of vms.entries()) await listen(vm.place, `172.18.0.${i + 2}`, 80);
  });
  after(async () => {
    for (const vm of vms ?? []) await vm.close();
    await netd?.stop();
  });

  function vm(index: number): FakeVm {
    const found = vms[index];
    assert.ok(found);
    return found;
  }

  test("reach each other", async () => {
    assert.equal(await ask(vm(0).place, "172.18.0.3", 80), "echo of question");
    assert.equal(await openMany(vm(0).place, "172.18.0.3", 80, 200), 200);
  });

  test("exchange 64 MiB unchanged", async () => {
    const bytes = 64 << 20;
    assert.equal(await send(vm(0).place, vm(1).place, "172.18.0.3", 7100, bytes), checksumOf(bytes));
  });

  test("are not disturbed by one that reads no frames", async () => {
    vm(2).freeze();
    try {
      // More than its queue takes, broadcast and addressed.
      await vm(0).place.run(async ({ dgram }) => {
        const socket = dgram.createSocket("udp4");
        await new Promise<void>((resolve) => socket.bind(0, resolve));
        socket.setBroadcast(true);
        const block = new Uint8Array(60_000);
        for (let i = 0; i < 400; i++)
          for (const address of ["172.18.255.255", "172.18.0.4"])
            await new Promise((done) => socket.send(block, 9, address, done));
        socket.close();
      });
      assert.equal(await ask(vm(0).place, "172.18.0.3", 80), "echo of question");
      assert.equal(await ask(vm(1).place, "172.18.0.2", 80), "echo of question");
      const status = (await control.status()).find(({ endpointId }) => endpointId === "endpoint-4");
      assert.ok((status?.droppedFrames ?? 0) > 0);
    } finally {
      vm(2).thaw();
    }
    // Frames were lost, and nothing else.
    assert.equal(await ask(vm(0).place, "172.18.0.4", 80), "echo of question");
  });
});
