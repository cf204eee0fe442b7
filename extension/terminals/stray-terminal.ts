import { readFileSync } from "node:fs";
import * as vscode from "vscode";

/** How long after the window's start the editor may still be about to make a terminal. */
const watchMs = 5000;
/** How long a terminal that the user opens takes to come to the front, at most. */
const settleMs = 500;

/**
 * An open terminal panel that VS Code finds empty when a window starts is filled with a shell of the host: an
 * extension's terminals are not kept over a reload, so that a panel of consoles only looks empty then
 * (TerminalViewPane._initializeTerminal). This takes that shell away again, if nobody has used it.
 */
export class StrayTerminal implements vscode.Disposable {
  readonly #before: readonly vscode.Terminal[];
  #subscription: vscode.Disposable | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** To be made before any terminal of ours is: those that are there then, the editor has made. */
  constructor() {
    this.#before = vscode.window.terminals.filter(isUntouchedShell);
  }

  /** To be called once ours are open, so that the panel is never empty. */
  close(): void {
    const [stray] = this.#before;
    if (stray !== undefined) {
      closeIfNew(stray).catch(() => undefined);
      return;
    }
    // It may be on its way, and then comes behind ours. One that the user opens comes to the front.
    this.#subscription = vscode.window.onDidOpenTerminal((terminal) => {
      if (!isUntouchedShell(terminal)) return;
      this.dispose();
      this.#timer = setTimeout(() => {
        if (vscode.window.activeTerminal !== terminal) closeIfNew(terminal).catch(() => undefined);
      }, settleMs);
    });
    this.#timer = setTimeout(() => this.dispose(), watchMs);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#subscription?.dispose();
  }
}

/** How much earlier than the extensions' process the editor may start a shell of the same window. */
const headStartSeconds = 3;

/** Never a shell that the editor kept over the reload: there may be work in it. */
async function closeIfNew(terminal: vscode.Terminal): Promise<void> {
  const pid = await terminal.processId;
  if (pid === undefined || ageSeconds(pid) > process.uptime() + headStartSeconds) return;
  if (isUntouchedShell(terminal)) terminal.dispose();
}

/** How long a process has been running (proc(5)); infinite where that cannot be known. */
function ageSeconds(pid: number): number {
  try {
    const ticksPerSecond = 100;
    // The second field is a name in parentheses, which may contain anything.
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    const [uptime = ""] = readFileSync("/proc/uptime", "latin1").split(" ");
    return Number(uptime) - Number(fields[19]) / ticksPerSecond;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * Of the default profile, as the editor makes it by itself. Terminals of tasks and of restored sessions have
 * a name.
 */
function isUntouchedShell(terminal: vscode.Terminal): boolean {
  const { creationOptions: options, state, exitStatus } = terminal;
  if (isExtensions(terminal) || state.isInteractedWith || exitStatus !== undefined) return false;
  return options.name === undefined;
}

/** Whether an extension writes to it: then it does not outlive the window. */
export function isExtensions(terminal: vscode.Terminal): boolean {
  return "pty" in terminal.creationOptions;
}
