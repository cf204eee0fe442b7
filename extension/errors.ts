import * as vscode from "vscode";
import { type ErrorCode, type ErrorData, MockerError } from "../engine/protocol/index.ts";

/** Any failure as a MockerError: the engine's answers keep code, message and hint; a lost connection gets its own. */
export function asMockerError(error: unknown): MockerError {
  if (error instanceof MockerError) return error;
  if (error instanceof vscode.CancellationError) return new MockerError("CANCELLED", "Cancelled.");
  if (!(error instanceof Error)) return new MockerError("INTERNAL", String(error));
  // Not instanceof ResponseError: vscode-languageclient carries its own copy of the class.
  const { code, data } = error as Error & { code?: unknown; data?: unknown };
  if (isErrorData(data)) {
    return new MockerError(data.code, error.message, {
      hint: data.hint,
      details: data.details,
      cause: error,
    });
  }
  // vscode-jsonrpc's own codes for a connection that ended (PendingResponseRejected … ConnectionInactive).
  if (typeof code === "number" && code <= -32096 && code >= -32099) return lostConnection(error);
  if (/connection (got disposed|is (closed|disposed))/i.test(error.message)) return lostConnection(error);
  return new MockerError("INTERNAL", error.message, { cause: error });
}

function isErrorData(data: unknown): data is ErrorData {
  return typeof data === "object" && data !== null && "code" in data && typeof data.code === "string";
}

export function lostConnection(cause?: unknown): MockerError {
  return new MockerError("ENGINE_UNREACHABLE", "The connection to the Mocker engine was lost.", {
    hint: "Running VMs are not affected.",
    cause,
  });
}

/** What a click can do about an error. */
export interface ErrorAction {
  title: string;
  run(): unknown;
}

function command(title: string, id: string, ...args: unknown[]): ErrorAction {
  return { title, run: () => vscode.commands.executeCommand(id, ...args) };
}

const actionsByCode: Partial<Record<ErrorCode, () => ErrorAction[]>> = {
  ENGINE_UNREACHABLE: () => [
    command(vscode.l10n.t("Restart Engine"), "mocker.restartEngine"),
    command(vscode.l10n.t("Show Log"), "mocker.showLog"),
  ],
  IMAGE_NOT_FOUND: () => [command(vscode.l10n.t("Pull Image…"), "mocker.pullImage")],
  KVM_UNAVAILABLE: () => [command(vscode.l10n.t("Run Doctor"), "mocker.doctor")],
  LIBKRUN_UNAVAILABLE: () => [command(vscode.l10n.t("Run Doctor"), "mocker.doctor")],
  RUNTIME_UNAVAILABLE: () => [command(vscode.l10n.t("Run Doctor"), "mocker.doctor")],
  FEATURE_UNAVAILABLE: () => [command(vscode.l10n.t("Run Doctor"), "mocker.doctor")],
  NO_SPACE: () => [command(vscode.l10n.t("Prune Images…"), "mocker.pruneImages")],
  INTERNAL: () => [command(vscode.l10n.t("Show Log"), "mocker.showLog")],
};

/** Message and hint, one text. */
export function describe(error: MockerError): string {
  const text = error.message.charAt(0).toUpperCase() + error.message.slice(1);
  if (error.hint === undefined) return text;
  const hint = error.hint.charAt(0).toUpperCase() + error.hint.slice(1);
  return `${text}${/[.!?]$/.test(text) ? "" : "."} ${hint}${/[.!?]$/.test(hint) ? "" : "."}`;
}

/** One message with the buttons that help. `actions` come first. Nothing is shown for a cancellation. */
export async function showError(
  failure: unknown,
  log: vscode.LogOutputChannel,
  actions: ErrorAction[] = [],
): Promise<void> {
  const error = asMockerError(failure);
  if (error.code === "CANCELLED") return;
  log.error(`${error.code}: ${describe(error)}`);
  const fromSetting = error.details?.source === "setting";
  const offered = fromSetting
    ? [command(vscode.l10n.t("Open Settings"), "workbench.action.openSettings", "mocker.engine.path")]
    : (actionsByCode[error.code]?.() ?? []);
  const all = [...actions, ...offered];
  const title = await vscode.window.showErrorMessage(describe(error), ...all.map((action) => action.title));
  await all.find((action) => action.title === title)?.run();
}
