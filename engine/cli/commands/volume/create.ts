import { volumeCreate } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { listFlag, stringFlag } from "../../flags.ts";
import { checkLabel, collectLabels } from "../container/options/env-file.ts";

const flags = {
  driver: stringFlag("d", "Specify volume driver name", "local"),
  label: listFlag(undefined, "list", "Set metadata for a volume", checkLabel),
  name: stringFlag(undefined, "Specify volume name"),
  opt: listFlag("o", "map", "Set driver specific options", (text) => {
    if (!text.includes("=")) throw new Error(`invalid option: ${text}: must be a key=value pair`);
    return text;
  }),
} as const;

export const volumeCreateCommand = defineCommand({
  summary: "Create a volume",
  usage: "[OPTIONS] [VOLUME]",
  arguments: { min: 0, max: 1 },
  flags,
  async run({ args, flags, io, connect }) {
    const [argument] = args;
    if (argument !== undefined && flags.name !== undefined) {
      throw new CommandFailure(
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
      );
    }
    const name = argument ?? flags.name;
    const engine = await connect();
    const volume = await engine.request(volumeCreate, {
      ...(name === undefined ? {} : { name }),
      ...(flags.driver === undefined ? {} : { driver: flags.driver }),
      options: collectLabels([], flags.opt),
      labels: collectLabels([], flags.label),
    });
    io.stdout.write(`${volume.name}\n`);
    return 0;
  },
});
