import { type ErrorCode, MockerError, scrub } from "../../../protocol/errors.ts";
import { translateDiskError } from "../../images/store/no-space.ts";
import type { Log } from "../../log.ts";

/** An answer of failure: dockerd's status code and words. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "HttpError";
    this.status = status;
  }
}

/** As dockerd has them (moby, errdefs); where it has none 500, which is what it says of every failure. */
const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  INVALID_ARGUMENT: 400,
  INVALID_REFERENCE: 400,
  MOUNT_INVALID: 400,
  COMMAND_NOT_FOUND: 400,
  COMMAND_NOT_EXECUTABLE: 400,
  SECRET_MISSING: 400,
  UNAUTHORIZED: 401,
  IMAGE_NOT_FOUND: 404,
  NO_MATCHING_PLATFORM: 404,
  VM_NOT_FOUND: 404,
  NETWORK_NOT_FOUND: 404,
  VOLUME_NOT_FOUND: 404,
  IMAGE_IN_USE: 409,
  VM_NAME_IN_USE: 409,
  VM_NOT_RUNNING: 409,
  VM_RUNNING: 409,
  NETWORK_NAME_IN_USE: 409,
  NETWORK_IN_USE: 403,
  VOLUME_IN_USE: 409,
  FEATURE_UNAVAILABLE: 501,
  RUNTIME_UNAVAILABLE: 503,
};

/**
 * Errors made for users pass as they are, their hints behind them; anything else is a bug: it goes to the
 * log, and its text to the user.
 */
export function httpError(thrown: unknown, request: string, log: Pick<Log, "debug" | "error">): HttpError {
  if (thrown instanceof HttpError) return thrown;
  const error = translateDiskError(thrown);
  if (error instanceof MockerError) {
    log.debug("request.failed", { method: request, code: error.code, message: error.message });
    // Its clients have another program to log in with.
    const message = error.message.replace("'mocker login'", "'docker login'");
    return new HttpError(statuses[error.code] ?? 500, message);
  }
  const cause = error instanceof Error ? error : new Error(String(error));
  if (cause.name === "AbortError") return new HttpError(499, "context canceled");
  log.error("request.error", cause, { method: request });
  return new HttpError(500, scrub(cause.message));
}
