import { spawn } from "node:child_process";
import type crypto from "node:crypto";
import type dgram from "node:dgram";
import type dns from "node:dns";
import type net from "node:net";
import { createInterface } from "node:readline";

/** What a function that runs in a {@link Place} has at hand. `kept` is there for its next calls. */
export interface Tools {
  net: typeof net;
  dgram: typeof dgram;
  dns: typeof dns;
  crypto: typeof crypto;
  kept: Map<string, unknown>;
}

const program = `
const tools = { kept: new Map() };
for (const name of ["net", "dgram", "dns", "crypto"]) tools[name] = require("node:" + name);
const tell = (message) => process.stdout.write(JSON.stringify(message) + "\\n");
require("node:readline").createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, code, args } = JSON.parse(line);
  try {
    tell({ id, result: await (0, eval)(code)(tools, ...args) });
  } catch (error) {
    tell({ id, error: String(error.code ?? error) });
  }
});
process.stdin.on("end", () => process.exit());
`;

/** A Node.js of its own in the network namespace of a process, which runs what a test asks it to. */
export class Place {
  readonly pid: number;
  readonly #child;
  readonly #waiting = new Map<number, (answer: { result?: unknown; error?: string }) => void>();
  #lastId = 0;

  /** @param namespaceOf the process; without, the Node.js is in a new namespace */
  constructor(namespaceOf?: number) {
    const command =
      namespaceOf === undefined
        ? ["unshare", "--net", "--mount", "--propagation", "private"]
        : ["nsenter", `--target=${namespaceOf}`, "--net", "--mount"];
    const [name = "", ...args] = [...command, process.execPath, "-e", program];
    this.#child = spawn(name, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.pid = this.#child.pid ?? 0;
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const answer = JSON.parse(line);
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    this.#child.on("exit", () => {
      for (const settle of this.#waiting.values()) settle({ error: "the place has ended" });
    });
  }

  /**
   * Runs a function there. It is sent as text: it may use nothing but its parameters, and what it takes and
   * returns is JSON. An error's message is the code of what was thrown.
   */
  run<Args extends unknown[], Result>(
    code: (tools: Tools, ...args: Args) => Result | Promise<Result>,
    ...args: Args
  ): Promise<Result> {
    const id = ++this.#lastId;
    this.#child.stdin.write(`${JSON.stringify({ id, code: `(${code})`, args })}\n`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) =>
        error === undefined ? resolve(result as Result) : reject(new Error(error)),
      );
    });
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin.end();
    await ended;
  }
}
