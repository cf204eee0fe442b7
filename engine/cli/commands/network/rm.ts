import { MockerError, networkRemove } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { booleanFlag } from "../../flags.ts";
import { eachTarget } from "../each-target.ts";

const flags = {
  force: booleanFlag("f", "Do not error if the network does not exist"),
} as const;

export const networkRm = defineCommand({
  summary: "Remove one or more networks",
  usage: "NETWORK [NETWORK...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  async run({ args, flags: { force }, io, connect }) {
    const engine = await connect();
    return await eachTarget(io, args, async (network) => {
      try {
        await engine.request(networkRemove, { network });
      } catch (error) {
        const isMissing = error instanceof MockerError && error.code === "NETWORK_NOT_FOUND";
        if (!force || !isMissing) throw error;
        return undefined;
      }
      return network;
    });
  },
});
