import { pushWords } from "../../../docker/api/transfer-progress.ts";
import { canonicalRepository, isNameOnly, parseReference } from "../../../docker/reference.ts";
import { imagePush } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { PullDisplay } from "../../output/pull-progress.ts";
import { withLayerProgress } from "./layer-progress.ts";
import { dockerConfigOf } from "./pull-image.ts";

const flags = {
  "all-tags": booleanFlag("a", "Push all tags of an image to the repository"),
  platform: stringFlag(
    undefined,
    "Push a platform-specific manifest as a single-platform image to the registry.\nImage index won't be pushed, meaning that other manifests, including attestations won't be preserved.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
  ),
  quiet: booleanFlag("q", "Suppress verbose output"),
} as const;

export const push = defineCommand({
  summary: "Upload an image to a registry",
  usage: "[OPTIONS] NAME[:TAG]",
  arguments: { min: 1, max: 1 },
  flags,
  async run({ args, flags, io, connect }) {
    const reference = args[0] ?? "";
    const allTags = flags["all-tags"];
    parseReference(reference);
    if (allTags && !isNameOnly(reference)) throw new CommandFailure("tag can't be used with --all-tags/-a");
    const out = flags.quiet ? undefined : io.stdout;
    const engine = await connect();
    if (!allTags && isNameOnly(reference)) out?.write("Using default tag: latest\n");
    out?.write(`The push refers to repository [${canonicalRepository(reference)}]\n`);
    const display = out && new PullDisplay(out, undefined, pushWords);
    const result = await withLayerProgress(io, engine, display, (signal, progress) =>
      engine.request(
        imagePush,
        {
          reference,
          ...(allTags ? { allTags } : {}),
          ...(flags.platform ? { platform: flags.platform } : {}),
          ...progress,
          ...dockerConfigOf(io),
        },
        { signal },
      ),
    );
    for (const { tag, digest, size } of result.tags) out?.write(`${tag}: digest: ${digest} size: ${size}\n`);
    for (const { insteadOfIndex, digest } of result.tags)
      if (insteadOfIndex !== undefined)
        io.stderr.write(
          `Not all multiplatform-content is present and only the available single-platform image was pushed\n${insteadOfIndex} -> ${digest}\n`,
        );
    if (flags.quiet)
      io.stdout.write(`${result.repository}${allTags ? "" : `:${result.tags[0]?.tag ?? "latest"}`}\n`);
    return 0;
  },
});
