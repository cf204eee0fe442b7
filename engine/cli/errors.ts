/** What the user sees of an error. */
import { MockerError } from "../protocol/errors.ts";

/** `mocker: <message>` and the hint on its own line; no final newline. */
export function describeError(error: unknown): string {
  if (error instanceof MockerError) {
    return `mocker: ${error.message}${error.hint === undefined ? "" : `\nhint: ${error.hint}`}`;
  }
  return `mocker: ${error instanceof Error ? error.message : String(error)}`;
}

/** The error's text, with the way to the help of `verb` below it, as Docker has it. */
export function withHelp(error: unknown, verb: string): string {
  return `${describeError(error)}\n\nRun 'mocker ${verb} --help' for more information`;
}

/** Docker's exit status of `exec` for a process that did not start. */
export function execFailureCode(error: unknown): number {
  const code = startFailureCode(error);
  return code === 125 ? 1 : code;
}

/** Docker's exit status of `run` for a process that did not start. */
export function startFailureCode(error: unknown): number {
  if (error instanceof MockerError) {
    if (error.code === "COMMAND_NOT_FOUND") return 127;
    if (error.code === "COMMAND_NOT_EXECUTABLE") return 126;
  }
  return 125;
}
