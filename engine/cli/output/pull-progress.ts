/**
 * Shows a pull's or push's progress: one line per layer, redrawn on a terminal; what is worth a line,
 * elsewhere.
 */

import { extracting, type LayerLine, progressBar, pullWords } from "../../docker/api/transfer-progress.ts";
import { humanSize } from "../../docker/sizes.ts";
import type { OutputStream } from "../io.ts";
import { TransferRate } from "./transfer-rate.ts";

const redrawMs = 50;

/** What goes over the network. */
const movingStates = new Set(["downloading", "pushing"]);
const countingStates = new Set(["downloading", "preparing", "pushing"]);
const finalStates = new Set(["complete", "exists", "pushed", "mounted"]);

function describe(
  progress: LayerLine,
  columns: number,
  words: Readonly<Record<string, string | undefined>>,
  bytesPerSecond?: number,
): string {
  const { status, currentBytes, totalBytes, message } = progress;
  const word = words[status] ?? status;
  if (countingStates.has(status) && currentBytes !== undefined) {
    const what = word === pullWords.preparing ? extracting : word;
    const rate = bytesPerSecond === undefined ? "" : `  ${humanSize(bytesPerSecond)}/s`;
    return `${what} ${progressBar(currentBytes, totalBytes, columns)}${rate}`;
  }
  if (status === "mounted" && message) return `${word} ${message}`;
  return status === "retrying" && message ? `${word}: ${message}` : word;
}

/** Moves the cursor to the beginning of the line `lines` above. */
function up(lines: number): string {
  return lines > 0 ? `\u001b[${lines}F` : "\r";
}

export class PullDisplay {
  readonly #out: OutputStream;
  readonly #title: string | undefined;
  readonly #isTerminal: boolean;
  readonly #words: Readonly<Record<string, string | undefined>>;
  readonly #now: () => number;
  readonly #lines = new Map<string, LayerLine>();
  /** Of the layers that are being transferred. */
  readonly #rates = new Map<string, TransferRate>();
  readonly #printed = new Map<string, string>();
  /** Lines that the last drawing took, counted upwards from the cursor. */
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;
  #begun = false;

  /**
   * `title` is printed before the first progress, so that a pull that fails at once shows only its error;
   * `now` gives milliseconds.
   */
  constructor(
    out: OutputStream,
    title: string | undefined,
    words: Readonly<Record<string, string | undefined>> = pullWords,
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    this.#words = words;
    this.#out = out;
    this.#title = title;
    this.#isTerminal = out.isTTY === true;
  }

  report(progress: LayerLine): void {
    this.#begin();
    if (progress.layer === "") {
      // "Pulling from …" in the engine's words; the title says so in Docker's.
      const isTitle = progress.status === "pulling" && this.#title !== undefined;
      if (progress.message && !isTitle) this.#print(progress.message);
      return;
    }
    this.#lines.set(progress.layer, progress);
    if (this.#isTerminal) {
      this.#measure(progress);
      this.#timer ??= setTimeout(() => this.#redraw(), redrawMs);
      return;
    }
    // Without a terminal only what changes in kind is news.
    const { status } = progress;
    const isOneWord = status !== "retrying" && status !== "mounted";
    const text = isOneWord ? (this.#words[status] ?? status) : describe(progress, 0, this.#words);
    if (movingStates.has(status) || this.#printed.get(progress.layer) === text) return;
    this.#printed.set(progress.layer, text);
    this.#out.write(`${progress.layer}: ${text}\n`);
  }

  /** Draws what has not been drawn yet; what follows is printed below. */
  finish(): void {
    if (this.#isTerminal && this.#lines.size > 0) this.#redraw();
    this.#drawn = 0;
  }

  #measure({ layer, status, currentBytes }: LayerLine): void {
    if (!movingStates.has(status) || currentBytes === undefined) {
      this.#rates.delete(layer);
      return;
    }
    const rate = this.#rates.get(layer) ?? new TransferRate(this.#now);
    this.#rates.set(layer, rate);
    rate.reached(currentBytes);
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
      const isDone = ({ status }: LayerLine): boolean => finalStates.has(status);
      lines = [...lines.filter(([, line]) => !isDone(line)), ...lines.filter(([, line]) => isDone(line))];
      lines = lines.slice(0, room);
    }
    const text = lines
      .map(([layer, line]) => {
        const what = describe(line, columns, this.#words, this.#rates.get(layer)?.bytesPerSecond);
        return `${`${layer}: ${what}`.slice(0, columns - 1)}\u001b[K\n`;
      })
      .join("");
    // What is below goes too: a line that is gone, or the ^C that the terminal echoes.
    this.#out.write(`${up(this.#drawn)}${text}\u001b[J`);
    this.#drawn = lines.length;
  }
}
