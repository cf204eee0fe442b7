import { networkDisconnect } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { booleanFlag } from "../../flags.ts";

const flags = {
  force: booleanFlag("f", "Force the container to disconnect from a network"),
} as const;

export const networkDisconnectCommand = defineCommand({
  summary: "Disconnect a container from a network",
  usage: "[OPTIONS] NETWORK CONTAINER",
  arguments: { min: 2, max: 2 },
  flags,
  async run({ args: [network = "", vm = ""], flags: { force }, connect }) {
    await (await connect()).request(networkDisconnect, { network, vm, force });
    return 0;
  },
});
