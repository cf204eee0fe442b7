import type { DirectoryFault, EngineUnreachable, FailedStart } from "../../engine/client/errors.ts";
import { MockerError } from "../../engine/protocol/index.ts";
import { l10n } from "../l10n.ts";

/** An engine that cannot be reached, in the editor's language. */
export function inEditorsWords(failure: EngineUnreachable): MockerError {
  const { message, hint, details } = wordsFor(failure);
  return new MockerError("ENGINE_UNREACHABLE", message, { hint, details, cause: failure });
}

interface Words {
  message: string;
  hint?: string;
  details?: Record<string, unknown>;
}

function wordsFor({ reason, message }: EngineUnreachable): Words {
  switch (reason.kind) {
    case "socket-path":
      return {
        message: l10n.t("The path of the engine's socket is too long: {0}", reason.path),
        hint: l10n.t("Set MOCKER_RUN_DIR to a shorter path."),
      };
    case "run-directory":
      return {
        message: l10n.t(
          "{0} is not a private folder of this user: {1}.",
          reason.path,
          directoryFault(reason.fault),
        ),
        hint: l10n.t("Remove it, or set MOCKER_RUN_DIR to a folder of yours."),
      };
    case "peer":
      return {
        message: l10n.t(
          "What listens at {0} is a process of user {1}, not an engine of yours; nothing was sent to it.",
          reason.path,
          reason.uid,
        ),
        hint: l10n.t("Remove it, or set MOCKER_RUN_DIR to a folder of yours."),
      };
    case "connect":
      return {
        message: l10n.t("Cannot connect to the engine at {0}: {1}", reason.path, reason.why),
        hint: l10n.t("Check who owns the socket and its folder."),
      };
    case "handshake":
      return {
        message: l10n.t("The engine at {0} does not answer within {1} s.", reason.path, reason.seconds),
        hint: l10n.t("End its process; VMs go on running."),
      };
    case "protocol":
      return {
        message,
        hint: l10n.t("Restart the engine: VMs go on running."),
        details: { source: "version" },
      };
    case "end":
      return {
        message: l10n.t("The engine did not end within {0} s after it was asked to.", reason.seconds),
        hint: l10n.t("End its process; VMs go on running."),
      };
    case "start":
      return {
        message: l10n.t("The engine did not start: {0}", failedStart(reason.failure)),
        hint: l10n.t("Details are in {0}.", reason.logPath),
      };
    case "lost":
      return {
        message: l10n.t("The connection to the Mocker engine was lost."),
        hint: l10n.t("Running VMs are not affected."),
      };
  }
}

function failedStart(failure: FailedStart): string {
  switch (failure.kind) {
    case "said":
      return failure.words;
    case "exited":
      return l10n.t("it exited with status {0}", failure.status);
    case "killed":
      return l10n.t("it was ended by {0}", failure.signal);
    case "silent":
      return l10n.t("no answer after {0} s", failure.seconds);
  }
}

function directoryFault(fault: DirectoryFault): string {
  switch (fault.kind) {
    case "link":
      return l10n.t("it is a symbolic link");
    case "no-directory":
      return l10n.t("it is no folder");
    case "foreign":
      return l10n.t("it belongs to user {0}", fault.uid);
    case "open":
      return l10n.t("others can enter it");
    case "unusable":
      return fault.why;
  }
}
