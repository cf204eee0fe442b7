import { imageRemove, MockerError } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { describeError } from "../../errors.ts";
import { booleanFlag, textListFlag } from "../../flags.ts";

const flags = {
  force: booleanFlag("f", "Force removal of the image"),
  "no-prune": booleanFlag(undefined, "Do not delete untagged parents"),
  platform: textListFlag(
    undefined,
    'Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
  ),
} as const;

export const rmi = defineCommand({
  summary: "Remove one or more images",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  flags,
  async run({ args, flags, io, connect }) {
    const engine = await connect();
    const { force } = flags;
    let exitCode = 0;
    // One after the other: two names may be of one image.
    const { platform } = flags;
    const variants = platform.length === 0 ? [{}] : platform.map((one) => ({ platform: one }));
    for (const params of args.flatMap((image) => variants.map((variant) => ({ image, force, ...variant })))) {
      try {
        const { untagged, deleted } = await engine.request(imageRemove, params);
        for (const name of untagged) io.stdout.write(`Untagged: ${name}\n`);
        for (const id of deleted) io.stdout.write(`Deleted: ${id}\n`);
      } catch (error) {
        io.stderr.write(`${describeError(error)}\n`);
        // As Docker: with -f a missing image is no failure.
        if (!(force && error instanceof MockerError && error.code === "IMAGE_NOT_FOUND")) exitCode = 1;
      }
    }
    return exitCode;
  },
});
