/** What can be debugged in a VM, and the debugger that does it there. */
import { extname } from "node:path";
import { l10n } from "../l10n.ts";

export const languages = ["node", "python", "go", "native"] as const;
export type Language = (typeof languages)[number];

/** What one starts; paths are the VM's. */
export interface Target {
  program: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  stopOnEntry: boolean;
  console: "internalConsole" | "integratedTerminal";
}

export interface LanguageDebugger {
  /** Of source files, with the point. */
  extensions: readonly string[];
  /** Offered where the user has named no image. */
  images: readonly string[];
  /**
   * How its debugger is reached: by the protocol on stdin and stdout, by the protocol on a port that it
   * announces, or as Node's inspector on a port.
   */
  transport: "stdio" | "tcp" | "inspector";
  /** Port in the VM, if it has one. */
  port?: number;
  /** The debug adapter's words; of Node the runtime's. */
  command: readonly string[];
  /** Arguments of its `launch` request. */
  launch(target: Target): Record<string, unknown>;
  /**
   * A debugger that a program brought along when it was started, and that speaks the protocol: its usual port
   * in the VM, and arguments of `attach`. Absent: an adapter is started in the VM, and finds the program
   * itself.
   */
  listening?: { port: number; attach: Record<string, unknown> };
  /** What to do about an image that has no such debugger. */
  remedy(): string;
}

export const debuggers: Record<Language, LanguageDebugger> = {
  node: {
    extensions: [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"],
    images: ["node:22", "node:22-slim"],
    transport: "inspector",
    port: 9229,
    command: ["node"],
    launch: () => ({}),
    remedy: () => l10n.t("Choose an image with Node.js, such as node:22"),
  },
  python: {
    extensions: [".py"],
    images: ["python:3", "python:3-slim"],
    transport: "stdio",
    command: ["python3", "-m", "debugpy.adapter"],
    listening: { port: 5678, attach: { type: "python" } },
    launch: ({ console, ...target }) => ({ type: "python", ...target, console }),
    remedy: () => l10n.t("Choose an image with Python and debugpy: pip install debugpy adds it to one"),
  },
  go: {
    extensions: [".go"],
    images: ["golang:1"],
    transport: "tcp",
    port: 4711,
    listening: { port: 4711, attach: { mode: "remote" } },
    command: ["dlv", "dap", "--listen=0.0.0.0:4711"],
    launch: ({ program, args, cwd, env, stopOnEntry }) => ({
      mode: "debug",
      // dlv builds packages, which are directories.
      program: program.replace(/\/[^/]*\.go$/, ""),
      args,
      cwd,
      env,
      stopOnEntry,
    }),
    remedy: () =>
      l10n.t(
        "Choose an image with Go and Delve: go install github.com/go-delve/delve/cmd/dlv@latest adds it to one",
      ),
  },
  native: {
    extensions: [],
    images: ["gcc:14"],
    transport: "stdio",
    command: ["gdb", "--interpreter=dap", "--quiet"],
    launch: ({ program, args, cwd, env, stopOnEntry }) => ({
      program,
      args,
      cwd,
      env,
      stopAtBeginningOfMainSubprogram: stopOnEntry,
      stopOnEntry,
    }),
    remedy: () =>
      l10n.t('Choose an image with gdb 14 or newer, or name another adapter: "adapter": ["lldb-dap"]'),
  },
};

/** The language of a source file, by its name; undefined if none of them has it. */
export function languageOf(file: string): Language | undefined {
  const extension = extname(file).toLowerCase();
  return languages.find((language) => debuggers[language].extensions.includes(extension));
}
