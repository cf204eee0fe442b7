import { defineCommand } from "../../command.ts";
import { createFlags } from "./options/create-flags.ts";
import { createVm, prepareCreation } from "./options/create-vm.ts";

export const create = defineCommand({
  summary: "Create a new container",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  aliases: ["container create", "create"],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags: createFlags,
  stopAtFirstArgument: true,
  async run(context) {
    const id = await createVm(context, prepareCreation(context, "create"));
    context.io.stdout.write(`${id}\n`);
    return 0;
  },
});
