import { type VmStopParams, vmStart, vmStop } from "../../protocol/index.ts";
import { defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { integerFlag, stringFlag } from "../flags.ts";

const flags = {
  signal: stringFlag("s", "Signal to send to the container"),
  timeout: integerFlag("t", "Seconds to wait before killing the container"),
} as const;

export const restart = defineCommand({
  summary: "Restart one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  aliases: ["container restart", "restart"],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  async run({ args, flags, io, connect }) {
    const engine = await connect();
    const options: Omit<VmStopParams, "vm"> = {};
    if (flags.signal) options.signal = flags.signal;
    if (flags.timeout !== undefined) options.timeoutSeconds = flags.timeout;
    return eachTarget(io, args, async (vm) => {
      // A VM that does not run is only started.
      await engine.request(vmStop, { vm, ...options });
      await engine.request(vmStart, { vm });
      return vm;
    });
  },
});
