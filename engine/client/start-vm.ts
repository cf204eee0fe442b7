/** Starts a VM; the engine may have forgotten the values of its secrets. */
import type { RequestType } from "vscode-jsonrpc/node.js";
import { type ErrorData, MockerError, type VmStartParams, vmStart } from "../protocol/index.ts";

/** Any connection to the engine. */
interface Requests {
  request<P, R>(type: RequestType<P, R, ErrorData>, params: P): Promise<R>;
}

/**
 * Throws MockerError; what `ask` throws. `ask` is asked for the values of the variables that the engine does
 * not know, by their names.
 */
export async function startVm(
  engine: Requests,
  params: VmStartParams,
  ask: (names: readonly string[]) => Promise<Record<string, string>>,
): Promise<void> {
  try {
    await engine.request(vmStart, params);
  } catch (error) {
    const names = missingSecrets(error);
    if (names.length === 0) throw error;
    await engine.request(vmStart, { ...params, secretValues: await ask(names) });
  }
}

function missingSecrets(error: unknown): string[] {
  if (!(error instanceof MockerError) || error.code !== "SECRET_MISSING") return [];
  const names = error.details?.names;
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
}
