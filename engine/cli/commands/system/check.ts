import {
  type CheckProgress,
  type StoreProblem,
  type SystemCheckResult,
  systemCheck,
} from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import type { OutputStream } from "../../io.ts";
import { ObjectFormat, objectFormatHelp } from "../../output/list-format.ts";
import { interruptible } from "../../terminal/interruptible.ts";

const flags = {
  deep: booleanFlag(
    undefined,
    "Read everything: compute every digest again, and compare what is made of images",
  ),
  format: stringFlag("f", objectFormatHelp),
  repair: booleanFlag(undefined, "Put right what can be put right without losing an image"),
} as const;

const patienceMs = 1000;

export const systemCheckCommand = defineCommand({
  summary: "Check the image store, and repair it",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    const format = flags.format ? new ObjectFormat(flags.format) : undefined;
    const engine = await connect();
    const token = `check-${process.pid}`;
    const line = new SubjectLine(io.stderr);
    const forget = engine.onProgress<CheckProgress>(token, ({ subject }) => line.show(subject));
    let result: SystemCheckResult;
    try {
      const { deep, repair } = flags;
      result = await interruptible(io, (signal) =>
        engine.request(systemCheck, { deep, repair, progressToken: token }, { signal }),
      );
    } finally {
      forget();
      line.end();
    }
    if (format) io.stdout.write(`${format.line(result)}\n`);
    else print(io.stdout, result, flags.deep);
    return result.problems.some(isOpen) ? 1 : 0;
  },
});

function isOpen({ severity, repaired }: StoreProblem): boolean {
  return severity === "error" && !repaired;
}

function print(out: OutputStream, { problems, checked }: SystemCheckResult, deep: boolean): void {
  for (const problem of problems) {
    const word = problem.repaired ? "repaired" : problem.severity;
    out.write(`${word}: ${problem.subject} ${problem.problem}\n  ${problem.hint}\n`);
  }
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
  const looked = [
    count(checked.images, "image"),
    count(checked.blobs, "blob"),
    count(checked.layers, "layer"),
    count(checked.roots, "root disk"),
    count(checked.vms, "VM"),
  ].join(", ");
  const open = problems.filter(isOpen).length;
  const repaired = problems.filter((problem) => problem.repaired).length;
  const verdict = [
    open === 0 ? "no problems" : count(open, "problem"),
    ...(repaired > 0 ? [`${repaired} repaired`] : []),
  ].join(", ");
  out.write(`Checked ${looked}${deep ? ", all contents" : ""}: ${verdict}\n`);
}

/** What is looked at now, on a terminal, when it takes long. */
class SubjectLine {
  readonly #out: OutputStream;
  readonly #startedMs = Date.now();
  #drawn = false;

  constructor(out: OutputStream) {
    this.#out = out;
  }

  show(subject: string): void {
    if (this.#out.isTTY !== true || Date.now() - this.#startedMs < patienceMs) return;
    this.#drawn = true;
    this.#out.write(`\r${`Checking ${subject}`.slice(0, (this.#out.columns || 80) - 1)}\u001b[K`);
  }

  end(): void {
    if (this.#drawn) this.#out.write("\r\u001b[K");
  }
}
