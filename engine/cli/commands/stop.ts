import { type VmStopParams, vmStop } from "../../protocol/index.ts";
import { defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { integerFlag, stringFlag } from "../flags.ts";

const flags = {
  signal: stringFlag("s", "Signal to send to the container"),
  timeout: integerFlag("t", "Seconds to wait before killing the container"),
} as const;

export const stop = defineCommand({
  summary: "Stop one or more running containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  aliases: ["container stop", "stop"],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  async run({ args, flags, io, connect }) {
    const engine = await connect();
    const options: Omit<VmStopParams, "vm"> = {};
    if (flags.signal) options.signal = flags.signal;
    if (flags.timeout !== undefined) options.timeoutSeconds = flags.timeout;
    return eachTarget(io, args, async (vm) => {
      await engine.request(vmStop, { vm, ...options });
      return vm;
    });
  },
});
