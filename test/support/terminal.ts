import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { needPrograms, runTool } from "./host.ts";
import { retry } from "./retry.ts";

export interface TerminalSize {
  columns: number;
  rows: number;
}

let opened = 0;

/** A real terminal (tmux) with a shell in it, whose prompt is `host> `. */
export class Terminal {
  readonly #tmux: (...args: string[]) => Promise<string>;

  private constructor(tmux: (...args: string[]) => Promise<string>) {
    this.#tmux = tmux;
  }

  static async open(dir: string, env: NodeJS.ProcessEnv, size: TerminalSize): Promise<Terminal> {
    await needPrograms({ tmux: "tmux" });
    const name = join(dir, `tty${++opened}`);
    writeFileSync(`${name}.conf`, "set -g status off\nset -g escape-time 0\nset -g default-terminal xterm\n");
    // dash ignores a prompt from root's environment; it reads this file when it is interactive.
    writeFileSync(`${name}.sh`, "PS1='host> '\n");
    const shellEnv = { ...env, ENV: `${name}.sh`, LC_ALL: "C.UTF-8" };
    const tmux = (...args: string[]) =>
      runTool("tmux", ["-u", "-S", `${name}.sock`, "-f", `${name}.conf`, ...args], { env: shellEnv });
    const area = ["-x", String(size.columns), "-y", String(size.rows)];
    await tmux("new-session", "-d", ...area, "-c", dir, "exec /bin/sh -i");
    const terminal = new Terminal(tmux);
    await terminal.waitFor(/host> $/);
    return terminal;
  }

  /** Types a line and Enter. */
  async type(line: string): Promise<void> {
    await this.#tmux("send-keys", "-l", "--", line);
    await this.press("Enter");
  }

  /** Presses keys by tmux's names: `C-c`, `Enter`, `Up`… */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  async resize(size: TerminalSize): Promise<void> {
    await this.#tmux("resize-window", "-x", String(size.columns), "-y", String(size.rows));
  }

  /** What is on the screen, with what has scrolled off it, without the empty lines below. */
  async screen(): Promise<string> {
    return (await this.#tmux("capture-pane", "-p", "-J", "-S", "-")).replace(/\n+$/, "");
  }

  /** Waits until the screen matches; 30 s, stretched in the lab. */
  async waitFor(pattern: RegExp, options: { timeoutMs?: number } = {}): Promise<string> {
    let seen = "";
    return await retry(
      async () => {
        seen = await this.screen();
        if (pattern.test(seen)) return seen;
        throw new Error(`the terminal does not show ${pattern}:\n${seen}`);
      },
      { timeoutMs: options.timeoutMs ?? 30_000, intervalMs: 100 },
    );
  }

  /** Takes the terminal away, as a window that is closed or a lost ssh does. */
  async hangUp(): Promise<void> {
    await this.#tmux("kill-session");
  }

  async close(): Promise<void> {
    await this.#tmux("kill-server").catch(() => undefined);
  }
}
