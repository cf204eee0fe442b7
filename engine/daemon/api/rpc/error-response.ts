import { ResponseError } from "vscode-jsonrpc/node";
import { type ErrorData, jsonRpcCode, MockerError, scrub } from "../../../protocol/errors.ts";
import { translateDiskError } from "../../images/store/no-space.ts";
import type { Log } from "../../log.ts";

/**
 * Errors made for users pass as they are; anything else is a bug: it goes to the log, and its text to the
 * user.
 */
export function errorResponse(
  thrown: unknown,
  method: string,
  log: Pick<Log, "debug" | "error" | "path">,
): ResponseError<ErrorData> {
  const error = translateDiskError(thrown);
  if (error instanceof MockerError) {
    log.debug("request.failed", { method, code: error.code, message: error.message });
    return new ResponseError(jsonRpcCode(error.code), error.message, error.toData());
  }
  const cause = error instanceof Error ? error : new Error(String(error));
  if (cause.name === "AbortError") {
    return new ResponseError(jsonRpcCode("CANCELLED"), "cancelled", { code: "CANCELLED" });
  }
  log.error("request.error", cause, { method });
  const hint = `Details are in ${log.path}.`;
  return new ResponseError(jsonRpcCode("INTERNAL"), scrub(cause.message), { code: "INTERNAL", hint });
}
