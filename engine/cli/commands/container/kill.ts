import { vmKill } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { stringFlag } from "../../flags.ts";
import { eachTarget } from "../each-target.ts";

const flags = { signal: stringFlag("s", "Signal to send to the container") } as const;

export const kill = defineCommand({
  summary: "Kill one or more running containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  async run({ args, flags, io, connect }) {
    const engine = await connect();
    return eachTarget(io, args, async (vm) => {
      await engine.request(vmKill, flags.signal ? { vm, signal: flags.signal } : { vm });
      return vm;
    });
  },
});
