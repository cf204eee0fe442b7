import { networkObject } from "../../../docker/inspect-network.ts";
import { networkInspect } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { ObjectFormat, objectFormatHelp } from "../../output/list-format.ts";
import { inspectAll } from "../system/inspect.ts";

const flags = {
  format: stringFlag("f", objectFormatHelp),
  verbose: booleanFlag("v", "Verbose output for diagnostics"),
} as const;

export const networkInspectCommand = defineCommand({
  summary: "Display detailed information on one or more networks",
  usage: "[OPTIONS] NETWORK [NETWORK...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  run: (context) =>
    inspectAll(context, new ObjectFormat(context.flags.format), async (engine, network) =>
      networkObject(await engine.request(networkInspect, { network })),
    ),
});
