import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { endpointAt, FakeVm, internetAddress, Netd, World } from "../native/net/netd.ts";
import type { Place } from "../native/net/place.ts";
import { needPrograms } from "../support/host.ts";
import { retry } from "../support/retry.ts";
import { tmpDir } from "../support/tmp-dir.ts";
import { bars } from "./bars.ts";
import { interleaved, type Row, residentMiB } from "./measure.ts";

const transferMiB = 256;
const port = 5001;

/** A network's process with one VM in it, which is only a network stack behind a card. */
interface Side {
  /** Pid of the network's process. */
  pid: number;
  vm: FakeVm;
  /** Where the VM's port is reached on the host. */
  hostPort: number;
  close(): Promise<void>;
}

/**
 * mocker-netd and passt, each between the same fake VM, the same host and the same outside: what a real VM
 * adds is left out, so that the networks' own speed shows.
 */
export async function networkPart(rounds: number): Promise<Row[]> {
  await needPrograms({ passt: "passt", gcc: "gcc", nsenter: "util-linux" });
  const world = await World.make();
  const sides: Side[] = [];
  try {
    const ours = await startNetd(world.host);
    sides.push(ours);
    const peer = await startPasst(world.host);
    sides.push(peer);
    await sink(world.outside, internetAddress);
    for (const { vm } of sides) {
      await sink(vm.place, "0.0.0.0");
      // passt learns the VM's MAC address from its first frames.
      await retry(() => connect(vm.place, internetAddress, port, 1), { what: "a first connection" });
    }
    const idle = { ours: [residentMiB(ours.pid)], peer: [residentMiB(peer.pid)] };
    const out = await interleaved(
      "from a VM to the outside",
      rounds,
      () => transfer(ours.vm.place, internetAddress, port),
      () => untilReset(() => transfer(peer.vm.place, internetAddress, port)),
    );
    const into = await interleaved(
      "from the host to a VM's port",
      rounds,
      () => transfer(world.host, "127.0.0.1", ours.hostPort),
      () => untilReset(() => transfer(world.host, "127.0.0.1", peer.hostPort)),
    );
    const connecting = await interleaved(
      "connections to a VM's port",
      rounds,
      () => connect(world.host, "127.0.0.1", ours.hostPort, 100),
      () => connect(world.host, "127.0.0.1", peer.hostPort, 100),
    );
    const busy = { ours: [residentMiB(ours.pid)], peer: [residentMiB(peer.pid)] };
    const common = { peerName: "passt", bar: bars.networkAgainstPasst };
    return [
      { what: `${transferMiB} MiB from a VM to the outside`, unit: "ms", ...out, ...common },
      { what: `${transferMiB} MiB from the host to a VM's port`, unit: "ms", ...into, ...common },
      { what: "100 connections to a VM's port", unit: "ms", ...connecting, ...common },
      { what: "the network's process, idle, RSS", unit: "MiB", ...idle, ...common },
      { what: "the same, after these", unit: "MiB", ...busy, ...common },
    ];
  } finally {
    for (const side of sides) await side.close();
    await world.close();
  }
}

async function startNetd(host: Place): Promise<Side> {
  const netd = new Netd({}, host);
  const hostPort = 15_001;
  const published = { protocol: "tcp", guestPort: port, hostAddress: "127.0.0.1", hostPort };
  const endpoint = endpointAt(2, [], [published]);
  await (await netd.control()).add(endpoint);
  const vm = await FakeVm.join(netd, endpoint);
  const close = async (): Promise<void> => {
    await vm.close();
    await netd.stop();
  };
  return { pid: netd.pid, vm, hostPort, close };
}

async function startPasst(host: Place): Promise<Side> {
  const socket = join(tmpDir(), "passt.sock");
  const hostPort = 15_002;
  const enter = [`--target=${host.pid}`, "--net", "--mount", "passt"];
  const address = ["--address", "172.19.0.2", "--netmask", "16", "--gateway", "172.19.0.1", "--ipv4-only"];
  const options = ["--foreground", "--quiet", "--runas", "0", "--socket", socket, "--mtu", "65520"];
  const argv = [...enter, ...options, ...address, "-t", `${hostPort}:${port}`];
  const child = spawn("nsenter", argv, { stdio: "ignore" });
  process.once("exit", () => child.kill());
  await retry(() => existsSync(socket), { what: "passt's socket" });
  const vm = await FakeVm.start([socket, "", "02:42:ac:13:00:02", "172.19.0.2", "16", "172.19.0.1", "65520"]);
  const close = async (): Promise<void> => {
    await vm.close();
    child.kill();
  };
  return { pid: child.pid ?? 0, vm, hostPort, close };
}

/** passt of 2023 resets a long transfer now and then: it counts with the time that it took until then. */
async function untilReset(measure: () => Promise<number>): Promise<number> {
  const started = performance.now();
  return await measure().catch(() => performance.now() - started);
}

/** A server that takes all it gets, and closes when the client has. */
function sink(place: Place, address: string): Promise<void> {
  return place.run(
    ({ net }, host, number) =>
      new Promise<void>((resolve, reject) => {
        const server = net.createServer((socket) => {
          socket.on("error", () => {});
          socket.resume();
        });
        server.on("error", reject);
        server.listen(number, host, resolve);
      }),
    address,
    port,
  );
}

/** Milliseconds until the server has taken it all and closed. */
function transfer(place: Place, address: string, to: number): Promise<number> {
  return place.run(
    ({ net }, host, number, bytes) =>
      new Promise<number>((resolve, reject) => {
        const started = performance.now();
        const socket = net.connect(number, host);
        const part = Buffer.alloc(1 << 20);
        let left = bytes;
        const write = () => {
          while (left > 0) {
            left -= part.length;
            if (!socket.write(part)) return;
          }
          socket.end();
        };
        socket.on("connect", write);
        socket.on("drain", write);
        socket.on("error", reject);
        socket.on("close", () => resolve(performance.now() - started));
        socket.resume();
      }),
    address,
    to,
    transferMiB << 20,
  );
}

/**
 * Milliseconds for connections one after the other, each until the server has closed it. One that is reset,
 * as passt of 2023 does, is made again.
 */
function connect(place: Place, address: string, to: number, times: number): Promise<number> {
  return place.run(
    async ({ net }, host, number, count) => {
      const started = performance.now();
      for (let good = 0, all = 0; good < count; all++) {
        if (all > 3 * count) throw new Error(`${all} connections, of which ${good} were not reset`);
        const wasReset = await new Promise<boolean>((resolve) => {
          const socket = net.connect(number, host, () => socket.end());
          socket.on("error", () => {});
          socket.on("close", resolve);
          socket.resume();
        });
        if (!wasReset) good++;
      }
      return performance.now() - started;
    },
    address,
    to,
    times,
  );
}
