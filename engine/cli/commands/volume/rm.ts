import { volumeRemove } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { booleanFlag } from "../../flags.ts";
import { eachTarget } from "../each-target.ts";

export const volumeRm = defineCommand({
  summary: "Remove one or more volumes",
  description: "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: { force: booleanFlag("f", "Force the removal of one or more volumes") },
  async run({ args, flags, io, connect }) {
    const engine = await connect();
    return await eachTarget(io, args, async (name) => {
      await engine.request(volumeRemove, { name, force: flags.force });
      return name;
    });
  },
});
