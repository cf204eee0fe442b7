import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { rootDir } from "../../support/paths.ts";

/** How long each target runs; MOCKER_FUZZ_SECONDS sets another time, MOCKER_FUZZ_SEED repeats a run. */
const seconds = Number(process.env.MOCKER_FUZZ_SECONDS ?? 5);
const shownBytes = 3000;

/** A generator that a seed determines (mulberry32): whole numbers from 0 to `below`, which is left out. */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

const numbers = [
  "0",
  "-1",
  "1",
  "255",
  "4294967295",
  "4294967296",
  "9223372036854775807",
  "77777777777",
  "1e9",
];

/** One input made of others: bits, bytes, numbers, pieces and words of `dictionary` change places. */
export function mutate(random: Random, seeds: readonly Buffer[], dictionary: readonly string[]): Buffer {
  let bytes = Buffer.from(random.pick(seeds));
  const insert = (at: number, piece: Buffer, replaced = 0): void => {
    bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + replaced)]);
  };
  for (let changes = random.below(6); changes >= 0; changes--) {
    const at = random.below(bytes.length + 1);
    const length = random.below(Math.min(64, bytes.length - at) + 1);
    switch (random.below(8)) {
      case 0:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 1:
        if (at < bytes.length)
          bytes[at] = random.pick([0, 0x20, 0x2f, 0x2e, 0x7f, 0x80, 0xff, random.below(256)]);
        break;
      case 2:
        insert(at, Buffer.alloc(0), length);
        break;
      case 3:
        insert(at, bytes.subarray(at, at + length));
        break;
      case 4:
        insert(at, Buffer.from(random.pick(dictionary)), random.below(2) * length);
        break;
      case 5:
        insert(at, Buffer.from(random.pick(numbers)), random.below(2) * length);
        break;
      case 6: {
        const other = random.pick(seeds);
        const from = random.below(other.length + 1);
        insert(at, other.subarray(from, from + random.below(600)), random.below(2) * length);
        break;
      }
      default:
        if (random.below(4) === 0) bytes = bytes.subarray(0, at);
    }
  }
  return bytes;
}

const mostExtraMs = 120_000;

/**
 * Calls `check` with one input after the other until the time is over and more than `least` were accepted,
 * which `check` returns: a busy machine gets more time. What it throws is a failure: it is reported with the
 * seed and the input. So is that hardly anything is accepted.
 */
export async function fuzz(
  name: string,
  least: number,
  make: (random: Random) => Buffer,
  check: (input: Buffer) => boolean | Promise<boolean>,
): Promise<void> {
  const seed = Number(process.env.MOCKER_FUZZ_SEED ?? Date.now() % 2 ** 31);
  const random = new Random(seed);
  const end = performance.now() + seconds * 1000;
  const last = end + mostExtraMs;
  let tried = 0;
  let accepted = 0;
  for (; performance.now() < (accepted > least ? end : last); tried++) {
    const input = make(random);
    try {
      if (await check(input)) accepted++;
    } catch (error) {
      const shown = input.subarray(0, shownBytes).toString("base64");
      throw new Error(
        `${name}: input ${tried} of MOCKER_FUZZ_SEED=${seed} (${input.length} bytes, base64): ${shown}`,
        { cause: error },
      );
    }
  }
  if (accepted <= least) throw new Error(`${name}: only ${accepted} of ${tried} inputs were accepted`);
}

/** The files of `corpus/NAME`: inputs to begin with, and those that once failed. */
export function corpus(name: string): Buffer[] {
  const directory = join(rootDir(), "test", "unit", "fuzz", "corpus", name);
  return readdirSync(directory)
    .sort()
    .map((file) => readFileSync(join(directory, file)));
}
