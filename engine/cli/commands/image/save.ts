import { imageSave } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { stringFlag } from "../../flags.ts";
import { openOutput } from "../../output/output-file.ts";
import { download } from "../../transfer/download.ts";

const flags = {
  output: stringFlag("o", "Write to a file, instead of STDOUT"),
  platform: stringFlag(
    undefined,
    'Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
  ),
} as const;

export const save = defineCommand({
  summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  async run({ args, flags, io, connect }) {
    const output = openOutput(io, flags.output, "failed to save image");
    try {
      const engine = await connect();
      const { stream } = await engine.request(imageSave, {
        images: [...args],
        ...(flags.platform ? { platform: flags.platform } : {}),
      });
      await download(io, engine, stream, output);
    } catch (error) {
      output.discard();
      throw error;
    }
    return 0;
  },
});
