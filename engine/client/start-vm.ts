/** Starts a VM, or restarts it; the engine may have forgotten the values of its secrets. */
import type { RequestType } from "vscode-jsonrpc/node.js";
import {
  type ErrorData,
  MockerError,
  type VmRestartParams,
  type VmStartParams,
  vmRestart,
  vmStart,
} from "../protocol/index.ts";

type AskSecrets = (names: readonly string[]) => Promise<Record<string, string>>;

/** Any connection to the engine. */
interface Requests {
  request<P, R>(type: RequestType<P, R, ErrorData>, params: P): Promise<R>;
}

/**
 * Throws MockerError; what `ask` throws. `ask` is asked for the values of the variables that the engine does
 * not know, by their names.
 */
export async function startVm(engine: Requests, params: VmStartParams, ask: AskSecrets): Promise<void> {
  await withSecrets((secrets) => engine.request(vmStart, { ...params, ...secrets }), ask);
}

/** The same for a VM that runs, too. */
export async function restartVm(engine: Requests, params: VmRestartParams, ask: AskSecrets): Promise<void> {
  await withSecrets((secrets) => engine.request(vmRestart, { ...params, ...secrets }), ask);
}

async function withSecrets(
  request: (secrets: Pick<VmStartParams, "secretValues">) => Promise<unknown>,
  ask: AskSecrets,
): Promise<void> {
  try {
    await request({});
  } catch (error) {
    const names = missingSecrets(error);
    if (names.length === 0) throw error;
    await request({ secretValues: await ask(names) });
  }
}

function missingSecrets(error: unknown): string[] {
  if (!(error instanceof MockerError) || error.code !== "SECRET_MISSING") return [];
  const names = error.details?.names;
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
}
