import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startRegistry } from "../../fixtures/registry.ts";
import { Mocker } from "../../support/mocker.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { bars } from "../bars.ts";
import { interleaved, progress, type Row } from "../measure.ts";
import { runMsb } from "../msb.ts";

const size = ["--cpus", "1", "--memory", "512M"];
/** For each command in the lab. */
const limitMs = 5 * 60_000;

/**
 * Prints the hundredths of a second that `command` takes in the guest: clients' start-up is not the disk's.
 */
function timed(command: string): string[] {
  const now = "$(cut -d' ' -f1 /proc/uptime | tr -d .)";
  return ["sh", "-c", `set -e; a=${now}; ${command}; echo "TOOK $((${now} - a))"`];
}

function tookMs(stdout: string): number {
  const hundredths = /^TOOK (\d+)/m.exec(stdout)?.[1];
  if (hundredths === undefined) throw new Error(`the guest did not say how long it took:\n${stdout}`);
  return Number(hundredths) * 10;
}

const smallFiles = (directory: string): string =>
  `d=$(mktemp -d ${directory}/XXXXXX); i=0; while [ $i -lt 1000 ]; do echo $i >$d/$i; i=$((i+1)); done; sync`;

/** Each in a running VM. Reading comes in a VM that has read nothing yet. */
const workloads = [
  {
    what: "writing 64 MiB to the root",
    command: "dd if=/dev/zero of=/var/tmp/file bs=1M count=64 conv=fsync 2>/dev/null; rm /var/tmp/file",
  },
  { what: "1,000 small files on the root", command: smallFiles("/var/tmp") },
  { what: "1,000 small files on a volume", command: smallFiles("/volume") },
] as const;
const readFiles = "find /usr /etc -xdev -type f | head -n 3000 | xargs cat | wc -c >/dev/null";

/** What a guest writes and reads on its root and on a volume, beside microsandbox (its program: `msb`). */
export async function diskInLab(rounds: number, msb: string): Promise<Row[]> {
  const registry = await startRegistry({ images: ["debian"] });
  const image = `${registry.host}/debian`;
  const mocker = new Mocker();
  const theirs = tmpDir();
  const msbRun = (args: string[]): Promise<string> => {
    progress(`msb ${args.slice(0, 4).join(" ")}`);
    return runMsb(msb, theirs, args, limitMs);
  };
  const ok = (args: string[]): Promise<string> => {
    progress(`mocker ${args.slice(0, 4).join(" ")}`);
    return mocker.ok(args, { timeoutMs: limitMs });
  };
  try {
    await ok(["pull", "-q", image]);
    await msbRun(["pull", "--quiet", "--insecure", image]);
    const volume = join(theirs, "volume");
    mkdirSync(volume);
    const start = {
      ours: () =>
        ok([
          "run",
          "-d",
          "--name",
          "disk",
          "--runtime",
          "krun",
          ...size,
          "-v",
          "disk:/volume",
          image,
          "sleep",
          "100000",
        ]),
      theirs: () =>
        msbRun(["create", "--quiet", "--name", "disk", ...size, "-v", `${volume}:/volume`, image]),
    };
    const remove = {
      ours: () => ok(["rm", "-f", "disk"]),
      theirs: () => msbRun(["remove", "--force", "disk"]),
    };
    const ours = async (command: string): Promise<number> =>
      tookMs(await ok(["exec", "disk", ...timed(command)]));
    const peer = async (command: string): Promise<number> =>
      tookMs(await msbRun(["exec", "disk", "--", ...timed(command)]));
    const rows: Row[] = [];
    const add = (what: string, values: { ours: number[]; peer: number[] }): void => {
      rows.push({ what: `${what} (lab)`, unit: "ms", ...values, peerName: "microsandbox", bar: bars.disk });
    };
    const reading = "reading 3,000 files of the root";
    add(
      reading,
      await interleaved(
        reading,
        rounds,
        async () => {
          await start.ours();
          const took = await ours(readFiles);
          await remove.ours();
          return took;
        },
        async () => {
          await start.theirs();
          const took = await peer(readFiles);
          await remove.theirs();
          return took;
        },
      ),
    );
    await start.ours();
    await start.theirs();
    for (const { what, command } of workloads) {
      add(
        what,
        await interleaved(
          what,
          rounds,
          () => ours(command),
          () => peer(command),
        ),
      );
    }
    await remove.ours();
    await remove.theirs();
    return rows;
  } finally {
    await mocker.close();
    await registry.stop();
  }
}
