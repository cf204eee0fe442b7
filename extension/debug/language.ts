/** What can be debugged in a VM, and the debugger that does it there. */
import { extname } from "node:path";
import { l10n } from "../l10n.ts";
import type { SharedDirectory } from "./path-mapping.ts";

export const languages = ["node", "python", "go", "native"] as const;
export type Language = (typeof languages)[number];

/** What one starts; paths are the VM's. */
export interface Target {
  /** The workspace. */
  shared: SharedDirectory;
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
  /** A command that waits for the end of its input in an image that has the runtime and little else. */
  waiter?(command: readonly string[]): string[][];
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
  /** What it means that the command ended with a code, having said something; undefined: nothing known. */
  explain?(exitCode: number, said: string, where: string): string | undefined;
}

/**
 * Becomes the debug adapter for native programs that there is: gdb, which is one since version 14, or LLVM's,
 * whose name was another before version 18 and has the version's number in Debian. Its arguments are where
 * programs that were built on the host have the workspace's sources, and where those are in the VM.
 */
const nativeAdapter = `version=$(gdb --version 2>/dev/null | head -n 1)
version=\${version##* }
major=\${version%%.*}
case $major in *[!0-9]*) major= ;; esac
[ "\${major:-0}" -ge 14 ] && exec gdb \${1:+-iex "set substitute-path '$1' '$2'"} --interpreter=dap --quiet
IFS=:
for directory in $PATH; do
  for adapter in "$directory"/lldb-dap "$directory"/lldb-dap-[0-9]* "$directory"/lldb-vscode "$directory"/lldb-vscode-[0-9]*; do
    [ -x "$adapter" ] && exec "$adapter"
  done
done
[ -z "$version" ] && exit 127
echo "no-dap $version" >&2
exit 126`;

export const debuggers: Record<Language, LanguageDebugger> = {
  node: {
    extensions: [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"],
    images: ["node:22", "node:22-slim"],
    transport: "inspector",
    port: 9229,
    command: ["node"],
    waiter: ([node = "node"]) => [[node, "-e", "process.stdin.resume()"]],
    launch: () => ({}),
    remedy: () => l10n.t("Choose an image with Node.js, such as node:22"),
  },
  python: {
    extensions: [".py"],
    images: ["python:3", "python:3-slim"],
    transport: "stdio",
    command: ["python3", "-m", "debugpy.adapter"],
    waiter: () => [["python3", "-c", "import sys; sys.stdin.read()"]],
    listening: { port: 5678, attach: { type: "python" } },
    launch: ({ console, shared: _, ...target }) => ({ type: "python", ...target, console }),
    remedy: () =>
      l10n.t(
        'Choose an image with Python and debugpy, which pip install debugpy adds to one; for an image without it, install the extension Python Debugger or name a directory that has the module as "debugpy"',
      ),
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
      program: packageOf(program),
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
    command: ["sh", "-c", nativeAdapter],
    // The VM's own environment has `env`; adapters differ in its shape.
    launch: ({ program, args, cwd, stopOnEntry, shared }) => ({
      program,
      args,
      cwd,
      // lldb-dap and its target each switch the randomization of addresses off by default: the simulation
      // refuses.
      disableASLR: false,
      initCommands: ["settings set target.disable-aslr false"],
      // What was built on the host names its sources there.
      sourceMap: [[shared.local, shared.remote]],
      stopAtBeginningOfMainSubprogram: stopOnEntry,
      stopOnEntry,
    }),
    explain: (exitCode, said, where) => {
      if (exitCode === 127) return l10n.t("{0} has neither gdb nor lldb-dap.", where);
      const version = /^no-dap (\S+)$/m.exec(said)?.[1];
      if (exitCode !== 126 || version === undefined) return undefined;
      return l10n.t("{0} has gdb {1}, which is no debug adapter yet, and no lldb-dap.", where, version);
    },
    remedy: () =>
      l10n.t('Choose an image with gdb 14 or newer, or name another adapter: "adapter": ["lldb-dap"]'),
  },
};

/** The directory of a Go file's package, which is what Delve builds; of another program itself. */
export function packageOf(program: string): string {
  return program.replace(/\/[^/]*\.go$/, "");
}

/** The language of a source file, by its name; undefined if none of them has it. */
export function languageOf(file: string): Language | undefined {
  const extension = extname(file).toLowerCase();
  return languages.find((language) => debuggers[language].extensions.includes(extension));
}
