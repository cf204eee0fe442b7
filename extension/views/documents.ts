import * as vscode from "vscode";
import {
  engineDoctor,
  imageInspect,
  networkInspect,
  vmInspect,
  volumeInspect,
} from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import { asMockerError, describe } from "../engine/errors.ts";
import type { Model } from "../engine/model.ts";

/**
 * Scheme of read-only documents: `mocker:/<kind>/<id>/<name>.json` and `mocker:/Mocker Doctor.md`.
 */
export const scheme = "mocker";

/** What is inspected, by its ID; volumes have none but their name. */
const inspections = {
  vm: (connection, id) => connection.request(vmInspect, { vm: id }),
  image: (connection, id) => connection.request(imageInspect, { image: id }),
  volume: (connection, id) => connection.request(volumeInspect, { name: id }),
  network: (connection, id) => connection.request(networkInspect, { network: id }),
} satisfies Record<string, (connection: Connection, id: string) => Promise<unknown>>;

type Kind = keyof typeof inspections;

function isKind(text: string | undefined): text is Kind {
  return text !== undefined && Object.hasOwn(inspections, text);
}

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
      const value = isKind(kind) ? await inspections[kind](this.#connection, id) : undefined;
      return `${JSON.stringify(value, null, 2)}\n`;
    } catch (error) {
      return `${JSON.stringify({ error: asMockerError(error).message }, null, 2)}\n`;
    }
  }

  async show(kind: Kind, id: string, name: string): Promise<void> {
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
    const { l10n } = vscode;
    const title = `# ${l10n.t("Mocker Doctor")}\n\n`;
    try {
      const { checks, summary } = await this.#connection.request0(engineDoctor);
      const marks = { ok: "✓", warning: "⚠", failed: "✗" } as const;
      const rows = checks.map(({ name, status, detail, hint }) => {
        // The engine speaks of a flag of the command line; here it is a setting.
        const advice = hint?.replace("--runtime simulation", "mocker.run.runtime");
        const finding = [detail, advice === undefined ? "" : `→ ${advice}`].filter((text) => text !== "");
        return `| ${marks[status]} | **${escapeMarkdown(name)}** | ${finding.map(escapeMarkdown).join("<br>")} |\n`;
      });
      const header = `| | ${l10n.t("Check")} | ${l10n.t("Finding")} |\n|:-:|:--|:--|\n`;
      return `${title}${escapeMarkdown(summary)}\n\n${header}${rows.join("")}`;
    } catch (error) {
      return `${title}${escapeMarkdown(describe(asMockerError(error)))}\n`;
    }
  }
}

const doctorPath = "/Mocker Doctor.md";

function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]<>#|]/g, "\\$&").replaceAll("\n", " ");
}
