import * as vscode from "vscode";
import type { ImagePullResult } from "../../engine/protocol/index.ts";
import { asMockerError, showError, showLog } from "../engine/errors.ts";
import { askText } from "../wizard/quick-input.ts";
import { type Pull, type Pulls, pullText } from "./pulls.ts";

/**
 * Pulls in front of the user: progress where one types, Escape aborts it. Resolves to undefined if the image
 * is not there; a failure was shown.
 */
export async function pullInQuickPick(
  title: string,
  reference: string,
  pulls: Pulls,
  log: vscode.LogOutputChannel,
): Promise<ImagePullResult | undefined> {
  const pull = pulls.start(reference);
  const input = vscode.window.createQuickPick();
  input.title = title;
  input.busy = true;
  input.ignoreFocusOut = true;
  const cancel: vscode.QuickInputButton = {
    iconPath: new vscode.ThemeIcon("debug-stop"),
    tooltip: vscode.l10n.t("Cancel Pull"),
  };
  input.buttons = [cancel];
  const show = (): void => {
    const item = {
      label: `$(loading~spin) ${vscode.l10n.t("Pulling {0}", reference)}`,
      description: pullText(pull.meter),
      alwaysShow: true,
    };
    input.items = [item];
    input.placeholder = vscode.l10n.t("Pulling {0}. Escape cancels", reference);
  };
  show();
  const subscription = pulls.onDidChange(show);
  let finished = false;
  input.onDidHide(() => {
    if (!finished) pull.source.cancel();
  });
  input.onDidTriggerButton(() => pull.source.cancel());
  input.show();
  try {
    return await pull.done;
  } catch (failure) {
    finished = true;
    const error = asMockerError(failure);
    if (error.code !== "CANCELLED") {
      input.hide();
      // The step shows again, whenever the message is read. A message with a button is shown whole.
      showError(error, log, [showLog()]);
    }
    return undefined;
  } finally {
    finished = true;
    subscription.dispose();
    input.dispose();
  }
}

/** Shows a pull where its view does not, with a button that cancels it, until it has ended. */
export function showPull(pull: Pull, pulls: Pulls): void {
  vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: vscode.l10n.t("Pulling {0}", pull.reference),
      cancellable: true,
    },
    async (progress, token) => {
      token.onCancellationRequested(() => pull.source.cancel());
      const show = (): void => progress.report({ message: pullText(pull.meter) });
      show();
      const subscription = pulls.onDidChange(show);
      // Who asked for it says why it failed.
      await pull.done.catch(() => undefined);
      subscription.dispose();
    },
  );
}

/** A reference to pull, or undefined. */
export async function askReference(suggested = ""): Promise<string | undefined> {
  const answer = await askText(undefined, {
    prompt: vscode.l10n.t("Image to pull"),
    value: suggested,
    placeholder: vscode.l10n.t("alpine, ghcr.io/owner/image:tag, docker-archive:/path/to/file.tar"),
    validate: referenceProblem,
  });
  return typeof answer === "object" ? answer.text.trim() : undefined;
}

/** The engine knows what a reference is; here only what cannot be one. */
export function referenceProblem(text: string): string | undefined {
  if (text.trim() === "") return vscode.l10n.t("Type an image's reference");
  if (/\s/.test(text.trim())) return vscode.l10n.t("A reference has no spaces");
  return undefined;
}
