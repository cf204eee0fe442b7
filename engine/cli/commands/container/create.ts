import { defineCommand } from "../../command.ts";
import { createFlags } from "./options/create-flags.ts";
import { prepareCreation, runCreation } from "./options/creation.ts";

export const create = defineCommand({
  summary: "Create a new container",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: createFlags,
  stopAtFirstArgument: true,
  async run(context) {
    const id = await runCreation(context, prepareCreation(context, "create"));
    context.io.stdout.write(`${id}\n`);
    return 0;
  },
});
