import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { startRegistry } from "../../fixtures/registry.ts";
import { runTool } from "../../support/host.ts";
import { Mocker } from "../../support/mocker.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { makeWayOut } from "../../support/way-out.ts";
import { bars } from "../bars.ts";
import { interleaved, progress, type Row } from "../measure.ts";
import { runMsb } from "../msb.ts";

const size = ["--cpus", "1", "--memory", "512M"];
/** For each command in the lab. */
const limitMs = 5 * 60_000;
const transferMiB = 16;
const transferBytes = transferMiB << 20;
const connections = 20;
/** An address of this host that is not its loopback's: what a guest reaches as its network's neighbour. */
const lanAddress = "10.99.0.1";

/** Runs a bash command in a guest; returns its stdout. */
type Guest = (command: string) => Promise<string>;

/** Throughput and latency of a guest's connections, beside TSI and microsandbox (its program: `msb`). */
export async function networkInLab(rounds: number, msb: string): Promise<Row[]> {
  await runTool("ip", ["address", "add", `${lanAddress}/32`, "dev", "lo"]);
  // microsandbox gives its guests no network where the host has no way out.
  const removeWayOut = makeWayOut();
  const registry = await startRegistry({ images: ["debian"] });
  const image = `${registry.host}/debian`;
  const mocker = new Mocker();
  const theirs = tmpDir();
  const servers = await Servers.start();
  const ok = (args: string[]): Promise<string> => {
    progress(`mocker ${args.slice(0, 4).join(" ")}`);
    return mocker.ok(args, { timeoutMs: limitMs });
  };
  const msbRun = (args: string[]): Promise<string> => {
    progress(`msb ${args.slice(0, 4).join(" ")}`);
    return runMsb(msb, theirs, args, limitMs);
  };
  try {
    await ok(["pull", "-q", image]);
    await msbRun(["pull", "--quiet", "--insecure", image]);
    for (const network of ["bridge", "tsi"]) {
      await ok([
        ...["run", "-d", "--name", network, "--network", network, "--runtime", "krun", ...size],
        ...[image, "sleep", "100000"],
      ]);
    }
    const rules = ["--net-rule", `allow@${lanAddress}`];
    await msbRun(["create", "--quiet", "--name", "peer", ...size, ...rules, image]);
    const ours: Guest = (command) => ok(["exec", "bridge", "bash", "-c", command]);
    const peers: Record<string, Guest> = {
      TSI: (command) => ok(["exec", "tsi", "bash", "-c", command]),
      microsandbox: (command) => msbRun(["exec", "peer", "--", "bash", "-c", command]),
    };
    const rows: Row[] = [];
    for (const [peerName, peer] of Object.entries(peers)) {
      for (const [what, measure] of Object.entries(servers.measures)) {
        const values = await interleaved(
          `${what}, beside ${peerName}`,
          rounds,
          () => measure(ours),
          () => measure(peer),
        );
        const bar = peerName === "TSI" ? bars.networkAgainstTsi : bars.network;
        rows.push({ what: `${what} (lab)`, unit: "ms", ...values, peerName, bar });
      }
    }
    return rows;
  } finally {
    removeWayOut();
    servers.close();
    await mocker.close();
    await registry.stop();
  }
}

/**
 * What the guests connect to. How a connection ends is left out: not every network passes a half-close on.
 */
class Servers {
  readonly #sink: Server;
  readonly #source: Server;
  /** Is told how long a whole transfer to the sink took. */
  #onTransfer: ((ms: number) => void) | undefined;

  private constructor() {
    this.#sink = createServer((socket) => {
      const started = performance.now();
      let missing = transferBytes;
      socket.on("error", () => {});
      socket.on("data", (data) => {
        missing -= data.length;
        if (missing === 0) this.#onTransfer?.(performance.now() - started);
      });
    });
    this.#source = createServer((socket) => {
      socket.on("error", () => {});
      socket.end(Buffer.alloc(transferBytes));
      socket.resume();
    });
  }

  static async start(): Promise<Servers> {
    const servers = new Servers();
    for (const server of [servers.#sink, servers.#source]) {
      server.listen(0, lanAddress);
      await once(server, "listening");
    }
    return servers;
  }

  readonly measures: Record<string, (guest: Guest) => Promise<number>> = {
    [`${transferMiB} MiB from the guest`]: async (guest) => {
      const took = new Promise<number>((resolve, reject) => {
        this.#onTransfer = resolve;
        setTimeout(reject, limitMs, new Error("not all that the guest sent has arrived")).unref();
      });
      took.catch(() => {});
      await guest(`set -e; dd if=/dev/zero bs=1M count=${transferMiB} 2>/dev/null >${device(this.#sink)}`);
      return await took;
    },
    [`${transferMiB} MiB to the guest`]: (guest) =>
      timed(guest, `[ $(head -c ${transferBytes} <${device(this.#source)} | wc -c) = ${transferBytes} ]`),
    [`${connections} connections`]: (guest) =>
      timed(guest, `for i in $(seq ${connections}); do : <${device(this.#sink)}; done`),
  };

  close(): void {
    this.#sink.close();
    this.#source.close();
  }
}

/**
 * Milliseconds that a bash command takes, by the guest's own clock: a client's start is not the network's.
 */
async function timed(guest: Guest, command: string): Promise<number> {
  const now = "$(cut -d' ' -f1 /proc/uptime | tr -d .)";
  return Number((await guest(`set -e; a=${now}; ${command}; echo $((${now} - a))`)).trim()) * 10;
}

/** Bash's name of a connection to a server. */
function device(server: Server): string {
  return `/dev/tcp/${lanAddress}/${(server.address() as AddressInfo).port}`;
}
