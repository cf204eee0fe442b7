import { vmWait } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { eachTarget } from "../each-target.ts";

export const wait = defineCommand({
  summary: "Block until one or more containers stop, then print their exit codes",
  usage: "CONTAINER [CONTAINER...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: {},
  async run({ args, io, connect }) {
    const engine = await connect();
    return eachTarget(io, args, async (vm) => {
      const { exitCode } = await engine.request(vmWait, { vm, condition: "not-running" });
      return String(exitCode);
    });
  },
});
