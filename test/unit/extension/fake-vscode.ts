/**
 * What `vscode` is for unit tests: as much of its API as they need, and what they set of it in `fake`. The
 * runner of tests puts it in the place of the module, which only an editor has.
 */
import { readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";

interface Fake {
  /** Paths of the workspace's folders. */
  folders: string[];
  /** Values of settings by their full names: of a folder by its path, else of the window by "". */
  settings: Map<string, Record<string, unknown>>;
  /** Terminals that are open, in the order of their making. */
  terminals: FakeTerminal[];
  /** Forgets all of that. */
  reset(): void;
}

/** What a test says there is. */
export const fake: Fake = {
  folders: [],
  settings: new Map(),
  terminals: [],
  reset() {
    fake.folders = [];
    fake.settings.clear();
    fake.terminals = [];
  },
};

export interface FakeTerminal {
  name: string;
  creationOptions: { pty: unknown };
  exitStatus: undefined;
  show(): void;
  dispose(): void;
}

type Listener<T> = (value: T) => unknown;

export class Disposable {
  readonly #dispose: () => void;

  constructor(dispose: () => void) {
    this.#dispose = dispose;
  }

  static from(...disposables: { dispose(): void }[]): Disposable {
    return new Disposable(() => {
      for (const disposable of disposables) disposable.dispose();
    });
  }

  dispose(): void {
    this.#dispose();
  }
}

export class EventEmitter<T> {
  readonly #listeners = new Set<Listener<T>>();

  readonly event = (listener: Listener<T>): Disposable => {
    this.#listeners.add(listener);
    return new Disposable(() => this.#listeners.delete(listener));
  };

  fire(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }

  dispose(): void {
    this.#listeners.clear();
  }
}

export class CancellationError extends Error {}

export class CancellationTokenSource {
  cancel(): void {}
  dispose(): void {}
}

/** Text that tests do not look at. */
export class MarkdownString {
  appendMarkdown(): void {}
  appendText(): void {}
}

export class ThemeColor {
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }
}

export class ThemeIcon {
  readonly id: string;
  readonly color: ThemeColor | undefined;

  constructor(id: string, color?: ThemeColor) {
    this.id = id;
    this.color = color;
  }
}

export class TreeItem {
  label: string;
  collapsibleState: number;

  constructor(label: string, collapsibleState: number) {
    this.label = label;
    this.collapsibleState = collapsibleState;
  }
}

export const TreeItemCollapsibleState = { None: 0, Collapsed: 1, Expanded: 2 };
export const QuickPickItemKind = { Separator: -1, Default: 0 };
export const QuickInputButtons = { Back: {} };
export const TerminalExitReason = { Unknown: 0, Shutdown: 1, Process: 2, User: 3, Extension: 4 };
export const FileType = { File: 1, Directory: 2 };

export class Uri {
  readonly scheme: string;
  readonly path: string;

  constructor(scheme: string, path: string) {
    this.scheme = scheme;
    this.path = path;
  }

  static file(path: string): Uri {
    return new Uri("file", path);
  }

  static from({ scheme, path }: { scheme: string; path: string }): Uri {
    return new Uri(scheme, path);
  }

  static joinPath(base: Uri, ...parts: string[]): Uri {
    return new Uri(base.scheme, join(base.path, ...parts));
  }

  get fsPath(): string {
    return this.path;
  }

  toString(): string {
    return `${this.scheme}://${this.path}`;
  }
}

export const l10n = {
  t: (message: string, ...args: (string | number)[]): string =>
    message.replaceAll(/\{(\d+)\}/g, (whole, index) => String(args[Number(index)] ?? whole)),
};

export const env = { language: "en" };

function never(): Disposable {
  return new Disposable(() => undefined);
}

function folderOf(path: string, index: number) {
  return { uri: Uri.file(path), name: basename(path), index };
}

const folders = () => fake.folders.map(folderOf);

export const workspace = {
  isTrusted: true,
  textDocuments: [],
  get workspaceFolders() {
    return folders();
  },
  getWorkspaceFolder: ({ path }: Uri) =>
    folders().find(({ uri }) => path === uri.path || path.startsWith(`${uri.path}/`)),
  asRelativePath: (path: string) => relative(fake.folders[0] ?? "/", path),
  getConfiguration: (section: string, resource?: Uri) => ({
    get: (name: string) => {
      const key = `${section}.${name}`;
      return fake.settings.get(resource?.path ?? "")?.[key] ?? fake.settings.get("")?.[key];
    },
  }),
  createFileSystemWatcher: () => ({
    onDidChange: never,
    onDidCreate: never,
    onDidDelete: never,
    dispose() {},
  }),
  onDidChangeWorkspaceFolders: never,
  onDidGrantWorkspaceTrust: never,
  onDidChangeTextDocument: never,
  fs: { readFile: async ({ path }: Uri) => readFileSync(path) },
};

const closed = new EventEmitter<FakeTerminal>();

export const window = {
  activeTextEditor: undefined,
  get terminals() {
    return fake.terminals;
  },
  onDidOpenTerminal: never,
  onDidCloseTerminal: closed.event,
  createOutputChannel: () => ({ info() {}, warn() {}, error() {}, debug() {}, dispose() {} }),
  createTerminal({ name, pty }: { name: string; pty: unknown }): FakeTerminal {
    const terminal: FakeTerminal = {
      name,
      creationOptions: { pty },
      exitStatus: undefined,
      show() {},
      dispose() {
        fake.terminals = fake.terminals.filter((other) => other !== terminal);
        closed.fire(terminal);
      },
    };
    fake.terminals.push(terminal);
    return terminal;
  },
};
