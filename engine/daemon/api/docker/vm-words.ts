import { MockerError } from "../../../protocol/errors.ts";
import type { Vm } from "../../vms/vm.ts";

/**
 * Runs what may go wrong with a VM, and tells of it in dockerd's words: it calls by its ID what the services
 * call by its name.
 */
export async function byId<T>(vm: Pick<Vm, "id" | "config">, action: () => Promise<T>): Promise<T> {
  const known = `ontainer ${vm.config.name} is `;
  return await changed(action, (message) => message.replace(known, `ontainer ${vm.id} is `));
}

/** The same, with words before it. */
export function prefixed<T>(prefix: string, action: () => Promise<T>): Promise<T> {
  return changed(action, (message) => `${prefix}${message}`);
}

async function changed<T>(action: () => Promise<T>, change: (message: string) => string): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof MockerError)) throw error;
    throw new MockerError(error.code, change(error.message), { cause: error });
  }
}
