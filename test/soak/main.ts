import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { endpointAt, FakeVm, lanAddress, Netd, World } from "../native/net/netd.ts";
import { ask, askUdp, checksumOf, openMany } from "../native/net/talk.ts";
import { lookUp, ports, put, serve, stall, take } from "./traffic.ts";

const usage = `Usage: npm run soak [-- --minutes N]
One mocker-netd and three VMs that exchange what they can for N (default 60) minutes: with each other, the outside,
and by published ports. Prints what the process takes every minute. Fails when anything goes wrong, or when it
takes more than one and a half times what it took after two minutes. Needs root.
`;

/** So long the process fills: a UDP flow that is not used any more is kept for a minute and a half. */
const warmUpMinutes = 2;
const largestGrowth = 1.5;
const transferMiB = 64;
const host = "192.0.2.1";
const gateway = "172.18.0.1";

interface Size {
  residentKiB: number;
  descriptors: number;
  threads: number;
}

function sizeOf(pid: number): Size {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  return {
    residentKiB: field("VmRSS"),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: field("Threads"),
  };
}

function same(what: string, found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`${what}: ${String(found)} instead of ${String(wanted)}`);
}

async function soak(minutes: number): Promise<void> {
  const world = await World.make();
  const netd = new Netd({}, world.host);
  const control = await netd.control();
  const publish = (hostPort: number, guestPort: number, protocol = "tcp") => ({
    protocol,
    guestPort,
    hostAddress: "",
    hostPort,
  });
  const published = [
    publish(8000, ports.echo),
    publish(8000, ports.echo, "udp"),
    publish(8010, ports.sink),
    publish(8011, ports.source),
  ];
  const endpoints = [endpointAt(2, ["one"]), endpointAt(3, ["two"]), endpointAt(4, ["three"], published)];
  for (const endpoint of endpoints) await control.add(endpoint);
  const [one, two, three] = await Promise.all([
    FakeVm.join(netd, endpointAt(2)),
    FakeVm.join(netd, endpointAt(3)),
    FakeVm.join(netd, endpointAt(4)),
  ]);
  await serve(two.place, "0.0.0.0");
  await serve(three.place, "0.0.0.0");
  await serve(world.outside, lanAddress);

  const done = { MiB: 0, connections: 0, datagrams: 0, queries: 0, stalls: 0 };
  const sum = checksumOf(transferMiB << 20);
  let isOver = false;
  const repeat = async (work: () => Promise<void>): Promise<void> => {
    while (!isOver) await work();
  };
  const transfer = async (vm: FakeVm["place"], address: string, sink: number, source: number) => {
    same(`sent to ${address}`, await put(vm, address, sink, transferMiB), sum);
    same(`taken from ${address}`, await take(vm, address, source, transferMiB), sum);
    done.MiB += 2 * transferMiB;
  };
  const works = [
    () => transfer(one.place, "172.18.0.3", ports.sink, ports.source),
    () => transfer(two.place, lanAddress, ports.sink, ports.source),
    () => transfer(world.outside, host, 8010, 8011),
    async () => {
      same("connections out", await openMany(one.place, lanAddress, ports.echo, 50), 50);
      same("connections in", await openMany(world.outside, host, 8000, 50), 50);
      same("a port that nobody has", await ask(one.place, lanAddress, 7999), "ECONNREFUSED");
      done.connections += 101;
      // A guest has 28,000 ports, and keeps each for a minute after its use.
      await sleep(200);
    },
    async () => {
      same(
        "a datagram out",
        await askUdp(one.place, lanAddress, ports.echo, 1200),
        `echo of ${"x".repeat(1200)}`,
      );
      same("a datagram in", await askUdp(world.outside, host, 8000), "echo of question");
      done.datagrams += 2;
      await sleep(200);
    },
    async () => {
      same("a name", await lookUp(two.place, gateway, "three"), "172.18.0.4");
      done.queries++;
      await sleep(20);
    },
    async () => {
      await stall(three.place, lanAddress, ports.flood);
      done.stalls++;
      await sleep(10_000);
    },
  ];
  const failed = Promise.race(works.map(repeat)).then(() => undefined);
  try {
    let first: Size | undefined;
    for (let minute = 1; minute <= minutes; minute++) {
      const before = { ...done };
      await Promise.race([sleep(60_000), failed]);
      if (netd.process.exitCode !== null) throw new Error(`mocker-netd has ended: ${netd.log}`);
      const size = sizeOf(netd.pid);
      const { residentKiB, descriptors, threads } = size;
      process.stdout.write(
        `${minute} min: ${(residentKiB / 1024).toFixed(1)} MiB resident, ${descriptors} descriptors, ${threads} threads; ` +
          `${((done.MiB - before.MiB) / 60).toFixed(0)} MiB/s, ${done.connections - before.connections} connections, ` +
          `${done.datagrams - before.datagrams} datagrams, ${done.queries - before.queries} queries\n`,
      );
      for (const name of ["MiB", "connections", "datagrams", "queries"] as const)
        if (done[name] === before[name]) throw new Error(`a minute without ${name}`);
      if (minute === warmUpMinutes) first = size;
      if (first === undefined) continue;
      for (const name of ["residentKiB", "descriptors", "threads"] as const)
        if (size[name] > largestGrowth * first[name])
          throw new Error(`${name} have grown from ${first[name]} to ${size[name]}`);
    }
  } finally {
    isOver = true;
    for (const vm of [one, two, three]) await vm.close();
    await netd.stop();
    await world.close();
  }
  if (netd.log !== "") throw new Error(`mocker-netd complains: ${netd.log}`);
}

async function main(): Promise<number> {
  const [option, value, ...rest] = process.argv.slice(2);
  const minutes = option === undefined ? 60 : option === "--minutes" && rest.length === 0 ? Number(value) : 0;
  if (!(Number.isInteger(minutes) && minutes > 0)) {
    process.stderr.write(usage);
    return 2;
  }
  await soak(minutes);
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
