/** Shows a pull's progress: one line per layer, redrawn on a terminal; what is worth a line, elsewhere. */
import type { PullProgress } from "../protocol/index.ts";
import type { OutputStream } from "./io.ts";
import { humanSize } from "./units.ts";

const redrawMs = 50;

type Words = Readonly<Record<PullProgress["status"], string>>;

/** Docker's words for what happens to a layer. */
const pullWords: Words = {
  pulling: "Pulling fs layer",
  exists: "Already exists",
  waiting: "Waiting",
  downloading: "Downloading",
  verifying: "Verifying Checksum",
  preparing: "Preparing",
  complete: "Pull complete",
  retrying: "Retrying",
};

/** The same for layers of an archive. */
export const loadWords: Words = {
  ...pullWords,
  pulling: "Loading layer",
  waiting: "Waiting",
  downloading: "Loading layer",
  verifying: "Loading layer",
  preparing: "Loading layer",
  complete: "Loaded",
};

/** `[=====>     ]  1.2MB/3.4MB`, fitted to a terminal of `columns`. */
export function progressBar(current: number, total: number | undefined, columns: number): string {
  if (total === undefined || total <= 0) return humanSize(current, 4);
  const share = Math.min(1, current / total);
  const numbers = `${humanSize(current, 4).padStart(8)}/${humanSize(total, 4)}`;
  // Docker's bar has 50 characters and is left out on terminals of less than 110 columns.
  if (columns < 110) return numbers.trimStart();
  const filled = Math.floor(share * 50);
  return `[${`${"=".repeat(filled)}>`.slice(0, 50).padEnd(50)}] ${numbers}`;
}

function describe(progress: PullProgress, columns: number, words: Words): string {
  const { status, currentBytes, totalBytes, message } = progress;
  const word = words[status];
  const isCounting = status === "downloading" || status === "preparing";
  if (isCounting && currentBytes !== undefined) {
    return `${word} ${progressBar(currentBytes, totalBytes, columns)}`;
  }
  return status === "retrying" && message ? `${word}: ${message}` : word;
}

/** Moves the cursor to the beginning of the line `lines` above. */
function up(lines: number): string {
  return lines > 0 ? `\u001b[${lines}F` : "\r";
}

export class PullDisplay {
  readonly #out: OutputStream;
  readonly #title: string | undefined;
  readonly #words: Words;
  readonly #isTerminal: boolean;
  readonly #lines = new Map<string, PullProgress>();
  readonly #printed = new Map<string, string>();
  /** Lines that the last drawing took, counted upwards from the cursor. */
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;
  #begun = false;

  /** `title` is printed before the first progress, so that a pull that fails at once shows only its error. */
  constructor(out: OutputStream, title: string | undefined, words: Words = pullWords) {
    this.#words = words;
    this.#out = out;
    this.#title = title;
    this.#isTerminal = out.isTTY === true;
  }

  report(progress: PullProgress): void {
    this.#begin();
    if (progress.layer === "") {
      // "Pulling from …" in the engine's words; the title says so in Docker's.
      const isTitle = progress.status === "pulling" && this.#title !== undefined;
      if (progress.message && !isTitle) this.#print(progress.message);
      return;
    }
    this.#lines.set(progress.layer, progress);
    if (this.#isTerminal) {
      this.#timer ??= setTimeout(() => this.#redraw(), redrawMs);
      return;
    }
    // Without a terminal only what changes in kind is news.
    const text =
      progress.status === "retrying" ? describe(progress, 0, this.#words) : this.#words[progress.status];
    if (progress.status === "downloading" || this.#printed.get(progress.layer) === text) return;
    this.#printed.set(progress.layer, text);
    this.#out.write(`${progress.layer}: ${text}\n`);
  }

  /** Draws what has not been drawn yet; what follows is printed below. */
  finish(): void {
    if (this.#isTerminal && this.#lines.size > 0) this.#redraw();
    this.#drawn = 0;
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    if (this.#title !== undefined) this.#out.write(`${this.#title}\n`);
  }

  #print(line: string): void {
    this.#clear();
    this.#out.write(`${line}\n`);
    if (this.#isTerminal && this.#lines.size > 0) this.#redraw();
  }

  #clear(): void {
    if (this.#drawn > 0) this.#out.write(`${up(this.#drawn)}\u001b[J`);
    this.#drawn = 0;
  }

  #redraw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const columns = this.#out.columns || 80;
    const room = Math.max(1, (this.#out.rows || 24) - 2);
    let lines = [...this.#lines];
    // More layers than rows: those that are done make room.
    if (lines.length > room) {
      const isDone = ({ status }: PullProgress): boolean => status === "complete" || status === "exists";
      lines = [...lines.filter(([, line]) => !isDone(line)), ...lines.filter(([, line]) => isDone(line))];
      lines = lines.slice(0, room);
    }
    const text = lines
      .map(
        ([layer, line]) =>
          `${`${layer}: ${describe(line, columns, this.#words)}`.slice(0, columns - 1)}\u001b[K\n`,
      )
      .join("");
    // What is below goes too: a line that is gone, or the ^C that the terminal echoes.
    this.#out.write(`${up(this.#drawn)}${text}\u001b[J`);
    this.#drawn = lines.length;
  }
}
