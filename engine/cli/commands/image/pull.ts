import { pullStatus } from "../../../docker/api/transfer-progress.ts";
import { familiarRepository, isNameOnly, splitTransport } from "../../../docker/reference.ts";
import { registryTags } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { defaultTagRemark, dockerConfigOf, pullImage } from "./pull-image.ts";

const flags = {
  "all-tags": booleanFlag("a", "Download all tagged images in the repository"),
  platform: stringFlag(undefined, "Set platform if server is multi-platform capable"),
  quiet: booleanFlag("q", "Suppress verbose output"),
} as const;

export const pull = defineCommand({
  summary: "Download an image from a registry",
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  arguments: { min: 1, max: 1 },
  flags,
  async run({ args, flags, io, connect }) {
    const reference = args[0] ?? "";
    const all = flags["all-tags"];
    if (all && (splitTransport(reference) !== undefined || !isNameOnly(reference)))
      throw new CommandFailure("tag can't be used with --all-tags/-a");
    const engine = await connect();
    const platform = flags.platform ? { platform: flags.platform } : {};
    const out = flags.quiet ? undefined : io.stdout;
    if (!all) {
      out?.write(defaultTagRemark(reference));
      const result = await pullImage(engine, io, { reference, ...platform }, out);
      io.stdout.write(`${result.reference}\n`);
      return 0;
    }
    const { tags } = await engine.request(registryTags, { repository: reference, ...dockerConfigOf(io) });
    let upToDate = true;
    let canonical = reference;
    for (const tag of tags) {
      const one = { reference: `${reference}:${tag}`, ...platform };
      const result = await pullImage(engine, io, one, out, { status: false });
      upToDate &&= result.upToDate;
      canonical = result.reference;
    }
    out?.write(`${pullStatus(familiarRepository(reference), upToDate)}\n`);
    io.stdout.write(`${canonical.replace(/:[^:/]*$/, "")}\n`);
    return 0;
  },
});
