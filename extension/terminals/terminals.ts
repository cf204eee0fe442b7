import * as vscode from "vscode";
import type { VmSummary } from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import { showError } from "../engine/errors.ts";
import type { Model } from "../engine/model.ts";
import { isRunning } from "../engine/store.ts";
import { setting } from "../settings.ts";
import { ConsoleTerminal } from "./console-terminal.ts";
import { ShellTerminal } from "./shell-terminal.ts";
import { isExtensions, StrayTerminal } from "./stray-terminal.ts";

const stateKey = "mocker.terminals";

/** What of a window's terminals is known to the next window. */
interface Remembered {
  /** IDs of the VMs whose consoles are open. */
  consoles: string[];
  /** There are no terminals but those of extensions: the editor will think that there are none. */
  alone: boolean;
}

export interface TerminalsMemory {
  get(key: typeof stateKey): Remembered | undefined;
  update(key: typeof stateKey, value: Remembered): Thenable<void>;
}

interface OpenConsole {
  pty: ConsoleTerminal;
  terminal: vscode.Terminal;
}

/**
 * The terminals of this window. The editor does not keep an extension's terminals over a reload, so the
 * consoles that are open are remembered in the workspace's state, and opened again.
 */
export class Terminals implements vscode.Disposable {
  readonly #connection: Connection;
  readonly #model: Model;
  readonly #log: vscode.LogOutputChannel;
  readonly #memory: TerminalsMemory;
  readonly #consoles = new Map<string, OpenConsole>();
  /** Terminals that the editor makes of our options; it does not show them by itself. */
  readonly #toShow = new WeakSet<vscode.Pseudoterminal>();
  /** The one that a click has opened: the next click replaces it. */
  #preview: OpenConsole | undefined;
  readonly #subscriptions: vscode.Disposable[];
  readonly #remembered: Remembered;
  #restored = false;

  constructor(connection: Connection, model: Model, log: vscode.LogOutputChannel, memory: TerminalsMemory) {
    this.#connection = connection;
    this.#model = model;
    this.#log = log;
    this.#memory = memory;
    this.#remembered = memory.get(stateKey) ?? { consoles: [], alone: false };
    this.#subscriptions = [
      vscode.window.onDidOpenTerminal((terminal) => this.#register(terminal)),
      vscode.window.onDidCloseTerminal((terminal) => this.#forget(terminal)),
    ];
  }

  /**
   * Shows the VM's console, a new one if there is none. `start`: the VM is to be started in it. `preview`: in
   * the place of the last preview, unless somebody has typed in that.
   */
  openConsole(
    vm: Pick<VmSummary, "id" | "name">,
    options: { start?: boolean; preserveFocus?: boolean; preview?: boolean } = {},
  ): void {
    const { start = false, preserveFocus = false, preview = false } = options;
    const open = this.#consoles.get(vm.id);
    if (open !== undefined) {
      if (!preview && this.#preview === open) this.#preview = undefined;
      open.terminal.show(preserveFocus);
      if (start) open.pty.startAgain();
      return;
    }
    const terminal = vscode.window.createTerminal(this.#consoleOptions(vm, start));
    this.#register(terminal);
    terminal.show(preserveFocus);
    if (!preview) return;
    const last = this.#preview;
    this.#preview = this.#consoles.get(vm.id);
    // After the new one is there: with its last terminal the panel would close.
    if (last !== undefined && !last.pty.typedIn) last.terminal.dispose();
  }

  /** For a terminal of a profile, which the editor makes. */
  profileOptions(vm: VmSummary, kind: "console" | "shell"): vscode.ExtensionTerminalOptions {
    const options = kind === "shell" ? this.#shellOptions(vm) : this.#consoleOptions(vm, false);
    this.#toShow.add(options.pty);
    return options;
  }

  #consoleOptions(vm: Pick<VmSummary, "id" | "name">, start: boolean): vscode.ExtensionTerminalOptions {
    const pty = new ConsoleTerminal(this.#connection, this.#model, vm.id, start, (error) =>
      showError(error, this.#log),
    );
    return { name: vm.name, pty, iconPath: new vscode.ThemeIcon("vm") };
  }

  /** Closes the console of a VM that gives way to another. */
  closeConsole(vmId: string): void {
    this.#consoles.get(vmId)?.terminal.dispose();
  }

  openShell(vm: Pick<VmSummary, "id" | "name">): void {
    vscode.window.createTerminal(this.#shellOptions(vm)).show();
  }

  #shellOptions(vm: Pick<VmSummary, "id" | "name">): vscode.ExtensionTerminalOptions {
    const pty = new ShellTerminal(this.#connection, vm.id, (error) => showError(error, this.#log));
    return {
      name: vscode.l10n.t("{0}: shell", vm.name),
      pty,
      iconPath: new vscode.ThemeIcon("terminal"),
    };
  }

  /** Opens the consoles that were open before the window's reload, of VMs that still run. */
  async restore(): Promise<void> {
    const { consoles, alone } = this.#remembered;
    try {
      if (!setting("console.restore") || consoles.length === 0) return;
      const stray = alone ? new StrayTerminal() : undefined;
      const { vms } = await this.#model.whenLoaded();
      for (const id of consoles) {
        const vm = vms.get(id);
        if (vm !== undefined && isRunning(vm) && !this.#consoles.has(id)) {
          this.openConsole(vm, { preserveFocus: true });
        }
      }
      if (stray === undefined || this.#consoles.size === 0) return;
      this.#subscriptions.push(stray);
      stray.close();
    } finally {
      this.#restored = true;
      this.#remember();
    }
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #register(terminal: vscode.Terminal): void {
    const options = terminal.creationOptions;
    if ("pty" in options) {
      if (this.#toShow.delete(options.pty)) terminal.show();
      if (options.pty instanceof ConsoleTerminal) {
        this.#consoles.set(options.pty.vmId, { pty: options.pty, terminal });
      }
    }
    this.#remember();
  }

  #forget(terminal: vscode.Terminal): void {
    for (const [id, console] of this.#consoles) {
      if (console.terminal === terminal) this.#consoles.delete(id);
      if (this.#preview?.terminal === terminal) this.#preview = undefined;
    }
    // The window's end is not what the user asked for.
    if (terminal.exitStatus?.reason !== vscode.TerminalExitReason.Shutdown) this.#remember();
  }

  #remember(): void {
    if (!this.#restored) return;
    const now: Remembered = {
      consoles: [...this.#consoles.keys()],
      alone: vscode.window.terminals.every(isExtensions),
    };
    this.#memory.update(stateKey, now).then(undefined, () => undefined);
  }
}
