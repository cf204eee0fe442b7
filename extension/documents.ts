import * as vscode from "vscode";
import { engineDoctor, imageInspect, vmInspect } from "../engine/protocol/index.ts";
import type { Connection } from "./connection.ts";
import { asMockerError } from "./errors.ts";
import type { Model } from "./model.ts";

/** Scheme of read-only documents: `mocker:/vm/<id>/<name>.json`, `mocker:/image/<id>/<name>.json`, `mocker:/doctor.md`. */
export const scheme = "mocker";

/** What the engine knows, as read-only documents that follow its events. */
export class Documents implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #connection: Connection;
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #subscription: vscode.Disposable;

  readonly onDidChange = this.#changed.event;

  constructor(connection: Connection, model: Model) {
    this.#connection = connection;
    this.#subscription = model.onDidChange(() => {
      for (const { uri } of vscode.workspace.textDocuments) {
        if (uri.scheme === scheme && uri.path !== doctorPath) this.#changed.fire(uri);
      }
    });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const [, kind, id = ""] = uri.path.split("/");
    if (uri.path === doctorPath) return this.#doctor();
    try {
      const value =
        kind === "vm"
          ? await this.#connection.request(vmInspect, { vm: id })
          : await this.#connection.request(imageInspect, { image: id });
      return `${JSON.stringify(value, null, 2)}\n`;
    } catch (error) {
      return `${JSON.stringify({ error: asMockerError(error).message }, null, 2)}\n`;
    }
  }

  async show(kind: "vm" | "image", id: string, name: string): Promise<void> {
    const file = `${name.replaceAll(/[^\w.-]+/g, "_")}.json`;
    const uri = vscode.Uri.from({ scheme, path: `/${kind}/${id}/${file}` });
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { preview: true });
  }

  async showDoctor(): Promise<void> {
    const uri = vscode.Uri.from({ scheme, path: doctorPath });
    this.#changed.fire(uri);
    await vscode.commands.executeCommand("markdown.showPreview", uri);
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#changed.dispose();
  }

  async #doctor(): Promise<string> {
    const { checks, summary } = await this.#connection.request0(engineDoctor);
    const marks = { ok: "✓", warning: "⚠", failed: "✗" } as const;
    const lines = checks.map(
      ({ name, status, detail, hint }) =>
        `${marks[status]} **${escapeMarkdown(name)}**: ${escapeMarkdown(detail)}${hint ? `  \n  → ${escapeMarkdown(hint)}` : ""}`,
    );
    return [`# ${vscode.l10n.t("Mocker Doctor")}`, escapeMarkdown(summary), ...lines, ""].join("\n\n");
  }
}

const doctorPath = "/doctor.md";

function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]<>#|]/g, "\\$&").replaceAll("\n", " ");
}
