import type { VmStopParams } from "../../../../protocol/index.ts";
import { deprecatedFlag, integerFlag, stringFlag } from "../../../flags.ts";

/** How `stop` and `restart` end what runs. */
export const stopFlags = {
  signal: stringFlag("s", "Signal to send to the container"),
  // Docker's name for it before 28.
  time: deprecatedFlag(integerFlag(undefined, "Seconds to wait before killing the container"), "timeout"),
  timeout: integerFlag("t", "Seconds to wait before killing the container"),
} as const;

/** The same for the engine. */
export function stopOptions(flags: {
  signal: string | undefined;
  time: number | undefined;
  timeout: number | undefined;
}): Omit<VmStopParams, "vm"> {
  const timeoutSeconds = flags.timeout ?? flags.time;
  return {
    ...(flags.signal ? { signal: flags.signal } : {}),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
  };
}
