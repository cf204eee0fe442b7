import { defineCommand } from "../../command.ts";
import { attachedStreams, createFlags } from "./options/create-flags.ts";
import { prepareCreation, runCreation } from "./options/creation.ts";

export const create = defineCommand({
  summary: "Create a new container",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: createFlags,
  stopAtFirstArgument: true,
  async run(context) {
    const creation = prepareCreation(context, "create", attachedStreams(context.flags));
    const id = await runCreation(context, creation);
    context.io.stdout.write(`${id}\n`);
    return 0;
  },
});
