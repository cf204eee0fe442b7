import * as vscode from "vscode";
import { MockerError } from "../../engine/protocol/index.ts";
import { localFolders } from "../workspace.ts";
import type { ConfigurationTie } from "./configuration-ties.ts";
import type { RunConfiguration } from "./run-configuration.ts";
import type { FileEntry } from "./run-configuration-file.ts";

/** What reads and changes a file's text, with a parser that most windows never need. */
const file = () => import("./run-configuration-file.ts");

const fileName = "mocker.json";
const path = `.vscode/${fileName}`;

/** Where a run configuration is kept; two folders may have one of the same name. */
export interface ConfigurationPlace {
  name: string;
  folder: vscode.WorkspaceFolder;
}

/** What a folder's file has in a configuration's place. */
export interface ConfigurationEntry extends FileEntry {
  folder: vscode.WorkspaceFolder;
}

export function tieOf({ name, folder }: ConfigurationPlace): ConfigurationTie {
  return { name, folder: folder.uri.fsPath };
}

/** The run configurations of the workspace: the file of each of its folders, watched. */
export class RunConfigurations implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #subscriptions: vscode.Disposable[];
  #entries: Promise<readonly ConfigurationEntry[]> | undefined;

  readonly onDidChange = this.#changed.event;

  constructor() {
    const watcher = vscode.workspace.createFileSystemWatcher(`**/${path}`);
    const changed = () => this.#forget();
    this.#subscriptions = [
      watcher,
      watcher.onDidChange(changed),
      watcher.onDidCreate(changed),
      watcher.onDidDelete(changed),
      vscode.workspace.onDidChangeWorkspaceFolders(changed),
      vscode.workspace.onDidGrantWorkspaceTrust(changed),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        const changedFile = document.uri.toString();
        if (localFolders().some((folder) => fileOf(folder).toString() === changedFile)) changed();
      }),
    ];
  }

  /** Of all folders, in their order. */
  entries(): Promise<readonly ConfigurationEntry[]> {
    this.#entries ??= Promise.all(localFolders().map(readEntries)).then((lists) => lists.flat());
    return this.#entries;
  }

  async find({ name, folder }: ConfigurationPlace): Promise<RunConfiguration | undefined> {
    const key = folder.uri.toString();
    const entries = await this.entries();
    return entries.find((entry) => entry.name === name && entry.folder.uri.toString() === key)?.configuration;
  }

  /** The first configuration of this name, in `folder` if that has one. */
  async place(name: string, folder?: vscode.WorkspaceFolder): Promise<ConfigurationPlace | undefined> {
    const named = (await this.entries()).filter((entry) => entry.name === name);
    const key = folder?.uri.toString();
    return named.find((entry) => entry.folder.uri.toString() === key) ?? named[0];
  }

  /** Edits a folder's file through the editor, so that an open one shows it and undo works, and saves it. */
  async edit(folder: vscode.WorkspaceFolder | undefined, change: (text: string) => string): Promise<void> {
    if (folder === undefined) {
      throw new MockerError(
        "INVALID_ARGUMENT",
        vscode.l10n.t("There is no folder to keep run configurations in."),
        {
          hint: vscode.l10n.t("Open a folder first."),
        },
      );
    }
    const uri = fileOf(folder);
    const before = await textOf(uri);
    const { problem } = (await file()).readConfigurations(before);
    if (problem !== undefined) {
      throw new MockerError("INVALID_ARGUMENT", vscode.l10n.t("{0} cannot be changed: {1}", path, problem), {
        hint: vscode.l10n.t("Correct the file first."),
      });
    }
    const after = change(before);
    if (after === before) return;
    const edit = new vscode.WorkspaceEdit();
    if (await exists(uri)) {
      const document = await vscode.workspace.openTextDocument(uri);
      const whole = new vscode.Range(document.positionAt(0), document.positionAt(before.length));
      edit.replace(uri, whole, after);
      await vscode.workspace.applyEdit(edit);
      await document.save();
    } else {
      await vscode.workspace.fs.writeFile(uri, Buffer.from(after, "utf8"));
    }
    this.#forget();
  }

  /** Opens the file, at the configuration. */
  async show({ name, folder }: ConfigurationPlace): Promise<void> {
    const document = await vscode.workspace.openTextDocument(fileOf(folder));
    const { readConfigurations } = await file();
    const entry = readConfigurations(document.getText()).entries.find((candidate) => candidate.name === name);
    const position = document.positionAt(entry?.offset ?? 0);
    await vscode.window.showTextDocument(document, { selection: new vscode.Range(position, position) });
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#changed.dispose();
  }

  #forget(): void {
    this.#entries = undefined;
    this.#changed.fire();
  }
}

function fileOf(folder: vscode.WorkspaceFolder): vscode.Uri {
  return vscode.Uri.joinPath(folder.uri, ...path.split("/"));
}

async function readEntries(folder: vscode.WorkspaceFolder): Promise<ConfigurationEntry[]> {
  const text = await textOf(fileOf(folder));
  if (text === "") return [];
  const { entries, problem } = (await file()).readConfigurations(text);
  // A file that cannot be read is not one without configurations.
  const broken = { index: -1, offset: 0, name: fileName, problem: problem ?? "" };
  const shown = entries.length === 0 && problem !== undefined ? [broken] : entries;
  return shown.map((entry) => ({ ...entry, folder }));
}

/** What the editor holds, saved or not; "" without a file. */
async function textOf(uri: vscode.Uri): Promise<string> {
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  if (open !== undefined) return open.getText();
  try {
    return Buffer.from(await vscode.workspace.fs.readFile(uri)).toString("utf8");
  } catch {
    return "";
  }
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
