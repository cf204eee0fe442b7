/** The user's terminal while it belongs to a process in a VM. */
import type { Io } from "../io.ts";

export interface TerminalSize {
  rows: number;
  columns: number;
}

/** Size of the terminal that the output goes to; undefined when there is none. */
export function terminalSize(io: Io): TerminalSize | undefined {
  const { isTTY, rows, columns } = io.stdout;
  return isTTY === true && rows && columns ? { rows, columns } : undefined;
}

/**
 * Sets stdin raw, if it is a terminal, and returns the function that sets it back; it is set back too should
 * the process exit first, whatever the reason.
 */
export function makeRaw(io: Io): () => void {
  const { stdin } = io;
  if (stdin.isTTY !== true || stdin.setRawMode === undefined) return () => undefined;
  const wasRaw = stdin.isRaw === true;
  let done = false;
  const restore = (): void => {
    if (done) return;
    done = true;
    forgetExit();
    stdin.setRawMode?.(wasRaw);
  };
  const forgetExit = io.onExit(restore);
  // A terminal that is gone takes no mode, and Node says so by an event that may come at any time.
  stdin.on("error", () => undefined);
  stdin.setRawMode(true);
  return restore;
}

/** Calls `resize` at once and whenever the terminal's size changes, until the returned function is called. */
export function followTerminalSize(io: Io, resize: (size: TerminalSize) => void): () => void {
  const report = (): void => {
    const size = terminalSize(io);
    if (size !== undefined) resize(size);
  };
  report();
  // Node updates rows and columns on SIGWINCH and then emits this.
  io.stdout.on("resize", report);
  return () => void io.stdout.off("resize", report);
}
