/**
 * How clients see failures: the engine's error responses, a connection that ended, an engine that cannot be
 * reached.
 */
import { ErrorCodes, ResponseError } from "vscode-jsonrpc/node.js";
import { type ErrorData, MockerError } from "../protocol/index.ts";

/** How an engine that was started ended, or that it did not answer in time. */
export type FailedStart =
  /** The last line that it wrote to its log, or what the system said when it was to be started. */
  | { kind: "said"; words: string }
  | { kind: "exited"; status: number }
  | { kind: "killed"; signal: string }
  | { kind: "silent"; seconds: number };

/** Why a directory is none that only this user can enter. */
export type DirectoryFault =
  | { kind: "link" }
  | { kind: "no-directory" }
  | { kind: "foreign"; uid: number }
  /** Permission bits. */
  | { kind: "open"; mode: number }
  /** It cannot be made or looked at; what the system said. */
  | { kind: "unusable"; why: string };

export type UnreachableReason =
  | { kind: "socket-path"; path: string }
  | { kind: "run-directory"; path: string; fault: DirectoryFault }
  | { kind: "peer"; path: string; uid: number }
  | { kind: "connect"; path: string; why: string }
  /** It took the connection and does not answer the handshake. */
  | { kind: "handshake"; path: string; seconds: number }
  | { kind: "protocol" }
  /** It did not end when it was asked to. */
  | { kind: "end"; seconds: number }
  | { kind: "start"; failure: FailedStart; logPath: string }
  | { kind: "lost" };

/**
 * ENGINE_UNREACHABLE, with the reason as data for clients that word it themselves, as those that translate
 * do.
 */
export class EngineUnreachable extends MockerError {
  readonly reason: UnreachableReason;

  constructor(
    reason: UnreachableReason,
    message: string,
    options: { hint?: string | undefined; cause?: unknown } = {},
  ) {
    super("ENGINE_UNREACHABLE", message, options);
    this.reason = reason;
  }
}

/** @param hint what the user can do; by default it is to ask again */
export function lostConnection(
  cause?: unknown,
  hint = "running VMs are not affected; run the command again, it starts the engine anew",
): EngineUnreachable {
  return new EngineUnreachable({ kind: "lost" }, "lost the connection to the mocker engine", { hint, cause });
}

/** What vscode-jsonrpc itself rejects with when the connection ends under a request. */
const lostConnectionCodes: readonly number[] = [
  ErrorCodes.PendingResponseRejected,
  ErrorCodes.ConnectionInactive,
  ErrorCodes.MessageWriteError,
  ErrorCodes.MessageReadError,
];

/** What a request failed with, as a MockerError: the engine's keep code, message, hint and details. */
export function asMockerError(error: unknown): MockerError {
  if (error instanceof MockerError) return error;
  if (error instanceof ResponseError && !lostConnectionCodes.includes(error.code)) {
    const data: unknown = error.data;
    if (!isErrorData(data)) return new MockerError("INTERNAL", error.message, { cause: error });
    const { code, hint, details } = data;
    return new MockerError(code, error.message, { hint, details, cause: error });
  }
  if (error instanceof ResponseError || isConnectionError(error)) return lostConnection(error);
  return new MockerError("INTERNAL", error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}

/**
 * A ConnectionError of vscode-jsonrpc, by its number (ConnectionErrors), so that those who only word failures
 * need not load what makes connections. Of a plain Error a number is a program's exit status.
 */
function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error) || error.constructor === Error) return false;
  return "code" in error && (error.code === 1 || error.code === 2 || error.code === 3);
}

function isErrorData(data: unknown): data is ErrorData {
  return typeof data === "object" && data !== null && "code" in data && typeof data.code === "string";
}
