import { parseReference } from "../../../docker/reference.ts";
import { vmCommit } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { booleanFlag, stringFlag, textListFlag } from "../../flags.ts";
import { interruptible } from "../../terminal/interruptible.ts";

const flags = {
  author: stringFlag("a", `Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")`),
  change: textListFlag("c", "Apply Dockerfile instruction to the created image"),
  message: stringFlag("m", "Commit message"),
  pause: booleanFlag("p", "Pause container during commit", true),
} as const;

export const commit = defineCommand({
  summary: "Create a new image from a container's changes",
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  arguments: { min: 1, max: 2, isRange: true },
  flags,
  async run({ args, flags, io, connect }) {
    const [vm = "", reference] = args;
    if (reference) parseReference(reference);
    const engine = await connect();
    const params = {
      vm,
      ...(reference === undefined || reference === "" ? {} : { reference }),
      ...(flags.author === undefined ? {} : { author: flags.author }),
      ...(flags.message === undefined ? {} : { message: flags.message }),
      changes: [...flags.change],
      pause: flags.pause,
    };
    const { id } = await interruptible(io, (signal) => engine.request(vmCommit, params, { signal }));
    io.stdout.write(`${id}\n`);
    return 0;
  },
});
