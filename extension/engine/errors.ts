import * as vscode from "vscode";
import { EngineUnreachable, asMockerError as ofRequest } from "../../engine/client/errors.ts";
import { MockerError } from "../../engine/protocol/index.ts";
import { sentences } from "./sentences.ts";
import { inEditorsWords } from "./unreachable.ts";

/** Any failure as a MockerError for the user. */
export function asMockerError(error: unknown): MockerError {
  if (error instanceof vscode.CancellationError) {
    return new MockerError("CANCELLED", vscode.l10n.t("Cancelled."));
  }
  const failure = ofRequest(error);
  return failure instanceof EngineUnreachable ? inEditorsWords(failure) : failure;
}

/** What a click can do about an error. */
export interface ErrorAction {
  title: string;
  run(): unknown;
}

function command(title: string, id: string, ...args: unknown[]): ErrorAction {
  return { title, run: () => vscode.commands.executeCommand(id, ...args) };
}

const doctor = () => command(vscode.l10n.t("Run Doctor"), "mocker.doctor");
/** What went on before it. */
export const showLog = () => command(vscode.l10n.t("Show Log"), "mocker.showLog");
const settings = (name: string) =>
  command(vscode.l10n.t("Open Settings"), "workbench.action.openSettings", name);

/** Takes the cause away: the first button, the one that Enter presses. */
function remedies({ code, details }: MockerError): ErrorAction[] {
  if (details?.source === "setting" || details?.source === "environment") {
    return [settings("mocker.engine.path")];
  }
  switch (code) {
    case "KVM_UNAVAILABLE":
    case "LIBKRUN_UNAVAILABLE":
    case "RUNTIME_UNAVAILABLE":
    case "FEATURE_UNAVAILABLE":
      return [doctor()];
    case "NO_SPACE":
      return [command(vscode.l10n.t("Prune Images…"), "mocker.pruneImages")];
    default:
      return [];
  }
}

/** Offered where the caller has nothing better. */
function fallbacks({ code, details }: MockerError): ErrorAction[] {
  if (code === "IMAGE_NOT_FOUND") return [command(vscode.l10n.t("Pull Image…"), "mocker.pullImage")];
  if (code === "INTERNAL") return [showLog()];
  if (code !== "ENGINE_UNREACHABLE" || details?.source === "setting") return [];
  return details?.source === "environment"
    ? [showLog()]
    : [command(vscode.l10n.t("Restart Engine"), "mocker.restartEngine"), showLog()];
}

/** Where no VM can run, the engine speaks of a flag of the command line; here it is a setting. */
function hintOf({ code, hint }: MockerError): string | undefined {
  if (code !== "KVM_UNAVAILABLE" && code !== "LIBKRUN_UNAVAILABLE" && code !== "RUNTIME_UNAVAILABLE")
    return hint;
  return vscode.l10n.t(
    "The doctor says what is missing. To simulate VMs instead, without isolation, set the runtime of the run configuration, or mocker.run.runtime, to auto",
  );
}

/** Message and hint, one text. */
export function describe(error: MockerError): string {
  return sentences(error.message, hintOf(error));
}

/**
 * One message with the buttons that help; `actions` are the caller's. Nothing is shown for a cancellation.
 */
export async function showError(
  failure: unknown,
  channel: vscode.LogOutputChannel,
  actions: ErrorAction[] = [],
): Promise<void> {
  const error = asMockerError(failure);
  if (error.code === "CANCELLED") return;
  channel.error(`${error.code}: ${sentences(error.message, error.hint)}`);
  const all = [...remedies(error), ...actions, ...(actions.length === 0 ? fallbacks(error) : [])];
  const title = await vscode.window.showErrorMessage(describe(error), ...all.map((action) => action.title));
  await all.find((action) => action.title === title)?.run();
}
