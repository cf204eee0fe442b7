import { vmExport } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { stringFlag } from "../../flags.ts";
import { openOutput } from "../../output/output-file.ts";
import { download } from "../../transfer/download.ts";

const flags = { output: stringFlag("o", "Write to a file, instead of STDOUT") } as const;

export const exportCommand = defineCommand({
  summary: "Export a container's filesystem as a tar archive",
  usage: "[OPTIONS] CONTAINER",
  arguments: { min: 1, max: 1 },
  flags,
  async run({ args, flags, io, connect }) {
    const [vm = ""] = args;
    const output = openOutput(io, flags.output, "failed to export container");
    try {
      const engine = await connect();
      const { stream } = await engine.request(vmExport, { vm });
      await download(io, engine, stream, output);
    } catch (error) {
      output.discard();
      throw error;
    }
    return 0;
  },
});
