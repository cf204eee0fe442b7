import * as vscode from "vscode";
import { MockerError } from "../../engine/protocol/index.ts";
import { workspaceFolder } from "../workspace.ts";
import type { RunConfiguration } from "./run-configuration.ts";
import type { FileEntry } from "./run-configuration-file.ts";

/** What reads and changes the file's text, with a parser that most windows never need. */
const file = () => import("./run-configuration-file.ts");

const fileName = "mocker.json";
const path = `.vscode/${fileName}`;

/** The run configurations of the workspace: its file, watched. */
export class RunConfigurations implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #subscriptions: vscode.Disposable[];
  #entries: readonly FileEntry[] | undefined;

  readonly onDidChange = this.#changed.event;

  constructor() {
    const watcher = vscode.workspace.createFileSystemWatcher(`**/${path}`);
    const changed = () => {
      this.#entries = undefined;
      this.#changed.fire();
    };
    this.#subscriptions = [
      watcher,
      watcher.onDidChange(changed),
      watcher.onDidCreate(changed),
      watcher.onDidDelete(changed),
      vscode.workspace.onDidChangeWorkspaceFolders(changed),
      vscode.workspace.onDidGrantWorkspaceTrust(changed),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (document.uri.toString() === this.uri?.toString()) changed();
      }),
    ];
  }

  get uri(): vscode.Uri | undefined {
    const folder = workspaceFolder();
    return folder === undefined ? undefined : vscode.Uri.joinPath(folder.uri, ...path.split("/"));
  }

  async entries(): Promise<readonly FileEntry[]> {
    if (this.#entries === undefined) {
      const text = await this.#text();
      const { entries, problem } = text === "" ? { entries: [] } : (await file()).readConfigurations(text);
      // A file that cannot be read is not one without configurations.
      const broken = { index: -1, offset: 0, name: fileName, problem: problem ?? "" };
      this.#entries = entries.length === 0 && problem !== undefined ? [broken] : entries;
    }
    return this.#entries;
  }

  async find(name: string): Promise<RunConfiguration | undefined> {
    return (await this.entries()).find((entry) => entry.name === name)?.configuration;
  }

  /** Edits the file through the editor, so that an open one shows it and undo works, and saves it. */
  async edit(change: (text: string) => string): Promise<void> {
    const { uri } = this;
    if (uri === undefined) {
      throw new MockerError(
        "INVALID_ARGUMENT",
        vscode.l10n.t("There is no folder to keep run configurations in."),
        {
          hint: vscode.l10n.t("Open a folder first."),
        },
      );
    }
    const before = await this.#text();
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
    this.#entries = undefined;
    this.#changed.fire();
  }

  /** Opens the file, at a configuration. */
  async show(name?: string): Promise<void> {
    const { uri } = this;
    if (uri === undefined) return;
    const document = await vscode.workspace.openTextDocument(uri);
    const { readConfigurations } = await file();
    const entry = readConfigurations(document.getText()).entries.find((candidate) => candidate.name === name);
    const position = document.positionAt(entry?.offset ?? 0);
    await vscode.window.showTextDocument(document, { selection: new vscode.Range(position, position) });
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#changed.dispose();
  }

  /** What the editor holds, saved or not; "" without a file. */
  async #text(): Promise<string> {
    const { uri } = this;
    if (uri === undefined) return "";
    const open = vscode.workspace.textDocuments.find(
      (document) => document.uri.toString() === uri.toString(),
    );
    if (open !== undefined) return open.getText();
    try {
      return Buffer.from(await vscode.workspace.fs.readFile(uri)).toString("utf8");
    } catch {
      return "";
    }
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
