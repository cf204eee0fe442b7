/** Docker's question before something is destroyed. */
import { createInterface } from "node:readline";
import type { Io } from "../io.ts";

/** Asks on stdout and reads a line of stdin; anything but a yes is a no, and so is the end of input. */
export async function confirm(io: Io, warning: string): Promise<boolean> {
  io.stdout.write(`${warning}\nAre you sure you want to continue? [y/N] `);
  const lines = createInterface({ input: io.stdin });
  const stop = io.onSignal("SIGINT", () => lines.close());
  try {
    for await (const line of lines) return /^\s*y(es)?\s*$/i.test(line);
    // Docker leaves the cursor there too, but a prompt begins a line.
    io.stdout.write("\n");
    return false;
  } finally {
    stop();
    lines.close();
  }
}
