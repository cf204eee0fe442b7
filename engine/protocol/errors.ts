/**
 * Every failure that leaves the engine carries one of these codes. Clients map a code to an exit status, a
 * button or a retry; the text is for people.
 */
export type ErrorCode =
  | "INVALID_ARGUMENT"
  | "INVALID_REFERENCE"
  | "IMAGE_NOT_FOUND"
  | "IMAGE_IN_USE"
  | "IMAGE_INVALID"
  | "NO_MATCHING_PLATFORM"
  | "UNAUTHORIZED"
  | "REGISTRY_UNREACHABLE"
  | "REGISTRY_ERROR"
  | "DIGEST_MISMATCH"
  | "NO_SPACE"
  | "READ_ONLY"
  | "STORE_LOCKED"
  | "VM_NOT_FOUND"
  | "VM_NAME_IN_USE"
  | "VM_NOT_RUNNING"
  | "VM_RUNNING"
  | "VM_FAILED"
  | "COMMAND_NOT_FOUND"
  | "COMMAND_NOT_EXECUTABLE"
  | "MOUNT_INVALID"
  | "NETWORK_NOT_FOUND"
  | "NETWORK_NAME_IN_USE"
  | "NETWORK_IN_USE"
  | "NETWORK_FAILED"
  | "PORT_IN_USE"
  | "VOLUME_NOT_FOUND"
  | "VOLUME_IN_USE"
  | "KVM_UNAVAILABLE"
  | "LIBKRUN_UNAVAILABLE"
  | "RUNTIME_UNAVAILABLE"
  | "FEATURE_UNAVAILABLE"
  | "AGENT_UNREACHABLE"
  | "ENGINE_UNREACHABLE"
  | "STATE_CORRUPT"
  | "CANCELLED"
  | "INTERNAL";

/** The `data` member of a JSON-RPC error response. */
export interface ErrorData {
  code: ErrorCode;
  /** What the user can do about it, one sentence. */
  hint?: string;
  details?: Record<string, unknown>;
}

/** An error that a user may read: what failed in their own names, why, and what to do. */
export class MockerError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      hint?: string | undefined;
      details?: Record<string, unknown> | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(scrub(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "MockerError";
    this.code = code;
    this.hint = options.hint === undefined ? undefined : scrub(options.hint);
    this.details = options.details;
  }

  toData(): ErrorData {
    return {
      code: this.code,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}

/** Removes credentials in URLs and control characters: messages quote what registries and images say. */
export function scrub(text: string): string {
  return withoutControls(text.replace(/\/\/[^/\s]+@/g, "//***@"));
}

/** The text for a terminal, which it must not control; tabs and line ends stay. */
export function withoutControls(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");
}

/**
 * JSON-RPC number for a code: LSP's or JSON-RPC's own where they have one, -32000 otherwise; switch on
 * `data.code`.
 */
export function jsonRpcCode(code: ErrorCode): number {
  // -32800 is LSP's RequestCancelled; vscode-languageclient treats it as "not an error".
  return code === "CANCELLED" ? -32800 : code === "INTERNAL" ? -32603 : -32000;
}
