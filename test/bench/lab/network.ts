import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { promisify } from "node:util";
import { startRegistry } from "../../fixtures/registry.ts";
import { runTool } from "../../support/host.ts";
import { Mocker } from "../../support/mocker.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { bars } from "../bars.ts";
import { interleaved, progress, type Row } from "../measure.ts";
import { msbEnvironment } from "../msb.ts";

const run = promisify(execFile);
const size = ["--cpus", "1", "--memory", "512M"];
const limitMs = 30 * 60_000;
const transferMiB = 16;
const connections = 20;
/** An address of this host that is not its loopback's: what a guest reaches as its network's neighbour. */
const lanAddress = "10.99.0.1";

/** Runs a bash command in a guest; returns its stdout. */
type Guest = (command: string) => Promise<string>;

/** Throughput and latency of a guest's connections, beside TSI and microsandbox (its program: `msb`). */
export async function networkInLab(rounds: number, msb: string): Promise<Row[]> {
  await runTool("ip", ["address", "add", `${lanAddress}/32`, "dev", "lo"]);
  const registry = await startRegistry({ images: ["debian"] });
  const image = `${registry.host}/debian`;
  const mocker = new Mocker();
  const theirs = tmpDir();
  const servers = await Servers.start();
  const ok = (args: string[]): Promise<string> => mocker.ok(args, { timeoutMs: limitMs });
  const msbRun = async (args: string[]): Promise<string> =>
    (await run(msb, args, { env: msbEnvironment(theirs), timeout: limitMs })).stdout;
  try {
    progress("pulls");
    await ok(["pull", "-q", image]);
    await msbRun(["pull", "--quiet", "--insecure", image]);
    progress("starts");
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
    servers.close();
    await mocker.close();
    await registry.stop();
  }
}

/** What the guests connect to. Times are taken here, from a connection's beginning to its end. */
class Servers {
  readonly #sink: Server;
  readonly #source: Server;
  /** Is told how long a connection lasted. */
  #onClose: ((ms: number) => void) | undefined;

  private constructor() {
    this.#sink = createServer((socket) => {
      socket.resume();
      this.#watch(socket);
    });
    this.#source = createServer((socket) => {
      socket.end(Buffer.alloc(transferMiB << 20));
      socket.resume();
      this.#watch(socket);
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
    [`${transferMiB} MiB from the guest`]: (guest) =>
      this.#transfer(guest, `dd if=/dev/zero bs=1M count=${transferMiB} 2>/dev/null >${device(this.#sink)}`),
    [`${transferMiB} MiB to the guest`]: (guest) =>
      this.#transfer(
        guest,
        `[ $(dd bs=1M 2>/dev/null <${device(this.#source)} | wc -c) = ${transferMiB << 20} ]`,
      ),
    [`${connections} connections`]: async (guest) => {
      const now = "$(cut -d' ' -f1 /proc/uptime | tr -d .)";
      const loop = `for i in $(seq ${connections}); do : <${device(this.#sink)}; done`;
      return Number((await guest(`set -e; a=${now}; ${loop}; echo $((${now} - a))`)).trim()) * 10;
    },
  };

  close(): void {
    this.#sink.close();
    this.#source.close();
  }

  async #transfer(guest: Guest, command: string): Promise<number> {
    const took = new Promise<number>((resolve) => {
      this.#onClose = resolve;
    });
    await guest(`set -e; ${command}`);
    return await took;
  }

  #watch(socket: Socket): void {
    const started = performance.now();
    socket.on("error", () => {});
    socket.on("close", () => this.#onClose?.(performance.now() - started));
  }
}

/** Bash's name of a connection to a server. */
function device(server: Server): string {
  return `/dev/tcp/${lanAddress}/${(server.address() as AddressInfo).port}`;
}
