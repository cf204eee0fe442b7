import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

/** What one row of the table says: the same measure of ours and of something to be held against. */
export interface Row {
  what: string;
  unit: "ms" | "MiB";
  ours: number[];
  peerName: string;
  peer: number[];
  /** Met when ours / peer is at most this. */
  bar: number;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

const watchMs = 5;

/**
 * Milliseconds from start to exit of a program, which must succeed. `watch` is called again and again
 * meanwhile.
 */
export async function time(
  argv: string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; watch?: (pid: number) => void } = {},
): Promise<number> {
  const [program = "", ...args] = argv;
  const { watch, ...rest } = options;
  const started = performance.now();
  const child = spawn(program, args, { ...rest, stdio: ["ignore", "ignore", "pipe"] });
  const { pid } = child;
  const timer = watch && pid !== undefined ? setInterval(() => watch(pid), watchMs) : undefined;
  const stderr: Buffer[] = [];
  child.stderr.on("data", (data: Buffer) => stderr.push(data));
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status, signal) => resolve(status ?? signal));
  });
  const took = performance.now() - started;
  clearInterval(timer);
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}: ${Buffer.concat(stderr)}`);
  return took;
}

/** Says on stderr what is going on, with the seconds since the program's start: a bench takes long. */
export function progress(text: string): void {
  process.stderr.write(`${process.uptime().toFixed(0).padStart(5)} s  ${text}\n`);
}

/**
 * Runs both sides in turns, so that what else the machine does meets both. The first round does not count.
 * `what` is said with each round's values.
 */
export async function interleaved(
  what: string,
  rounds: number,
  ours: () => Promise<number>,
  peer: () => Promise<number>,
): Promise<{ ours: number[]; peer: number[] }> {
  const result = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const a = await ours();
    const b = await peer();
    progress(`${what}: ${round} of ${rounds}: ${a.toFixed(0)}, peer ${b.toFixed(0)}`);
    if (round === 0) continue;
    result.ours.push(a);
    result.peer.push(b);
  }
  return result;
}

export function residentMiB(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1]) / 1024;
}

/** The most memory that a process has had so far; 0 when it is gone. */
export function highWaterMiB(pid: number): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(match?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** A process and all that it has started; none if it is gone. */
export function processTree(pid: number): number[] {
  let children: string;
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  } catch {
    return [];
  }
  return [
    pid,
    ...(children === "" ? [] : children.split(" ").flatMap((child) => processTree(Number(child)))),
  ];
}

/**
 * Proportional set size of processes without the memory of a guest that has `guestMiB`: the mappings of at
 * least a quarter of that size, anonymous or of a memfd (libkrun splits it at most in two).
 */
export function hostMemoryMiB(pids: number[], guestMiB: number): number {
  let kib = 0;
  for (const pid of pids) {
    let isGuest = false;
    for (const line of readFileSync(`/proc/${pid}/smaps`, "utf8").split("\n")) {
      const mapping = /^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \d+\s*(.*)$/.exec(line);
      if (mapping) {
        const bytes = Number.parseInt(mapping[2] ?? "", 16) - Number.parseInt(mapping[1] ?? "", 16);
        const name = mapping[3] ?? "";
        isGuest = bytes >= (guestMiB * 2 ** 20) / 4 && (name === "" || /memfd|anon|dev\/zero/.test(name));
      } else if (!isGuest && line.startsWith("Pss:")) {
        kib += Number(/\d+/.exec(line)?.[0]);
      }
    }
  }
  return kib / 1024;
}
