import { vmRestart } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { eachTarget } from "../each-target.ts";
import { startParamsOf } from "./options/start-params.ts";
import { stopFlags, stopOptions } from "./options/stop-options.ts";

export const restart = defineCommand({
  summary: "Restart one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: stopFlags,
  async run({ args, flags, io, connect }) {
    const engine = await connect();
    const options = stopOptions(flags);
    return eachTarget(io, args, async (vm) => {
      await engine.request(vmRestart, { ...(await startParamsOf(engine, vm, io)), ...options });
      return vm;
    });
  },
});
