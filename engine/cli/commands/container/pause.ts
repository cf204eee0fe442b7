import { vmPause, vmUnpause } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { eachTarget } from "../each-target.ts";

export const pause = defineCommand({
  summary: "Pause all processes within one or more containers",
  usage: "CONTAINER [CONTAINER...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: {},
  async run({ args, io, connect }) {
    const engine = await connect();
    return eachTarget(io, args, async (vm) => {
      await engine.request(vmPause, { vm });
      return vm;
    });
  },
});

export const unpause = defineCommand({
  summary: "Unpause all processes within one or more containers",
  usage: "CONTAINER [CONTAINER...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: {},
  async run({ args, io, connect }) {
    const engine = await connect();
    return eachTarget(io, args, async (vm) => {
      await engine.request(vmUnpause, { vm });
      return vm;
    });
  },
});
