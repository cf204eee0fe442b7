import { defineCommand } from "../command.ts";
import { booleanFlag, stringFlag } from "../flags.ts";
import { defaultTagRemark, pullImage } from "../pull.ts";

const flags = {
  platform: stringFlag(undefined, "Set platform if server is multi-platform capable"),
  quiet: booleanFlag("q", "Suppress verbose output"),
} as const;

export const pull = defineCommand({
  summary: "Download an image from a registry",
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  aliases: ["image pull", "pull"],
  arguments: { min: 1, max: 1 },
  flags,
  async run({ args, flags, io, connect }) {
    const reference = args[0] ?? "";
    const engine = await connect();
    if (!flags.quiet) io.stdout.write(defaultTagRemark(reference));
    const result = await pullImage(
      engine,
      io,
      { reference, ...(flags.platform ? { platform: flags.platform } : {}) },
      flags.quiet ? undefined : io.stdout,
    );
    io.stdout.write(`${result.reference}\n`);
    return 0;
  },
});
