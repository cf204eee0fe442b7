import type { VmStopParams } from "../../../../protocol/index.ts";
import { integerFlag, stringFlag } from "../../../flags.ts";

/** How `stop` and `restart` end what runs. */
export const stopFlags = {
  signal: stringFlag("s", "Signal to send to the container"),
  timeout: integerFlag("t", "Seconds to wait before killing the container"),
} as const;

/** The same for the engine. */
export function stopOptions(flags: {
  signal: string | undefined;
  timeout: number | undefined;
}): Omit<VmStopParams, "vm"> {
  return {
    ...(flags.signal ? { signal: flags.signal } : {}),
    ...(flags.timeout === undefined ? {} : { timeoutSeconds: flags.timeout }),
  };
}
