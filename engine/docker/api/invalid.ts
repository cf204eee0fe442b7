import { MockerError } from "../../protocol/errors.ts";

export function invalid(message: string, hint?: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message, { hint });
}

/** What cannot be had of a VM, and why. */
export function unavailable(what: string, why: string, hint?: string): MockerError {
  return new MockerError("FEATURE_UNAVAILABLE", `${what}: ${why}`, { hint });
}

/** What grammars say with the reason alone, as an error for users. @throws INVALID_ARGUMENT */
export function checked<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof MockerError) throw error;
    throw invalid(error instanceof Error ? error.message : String(error));
  }
}
