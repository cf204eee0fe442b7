import { type ImagePushResult, imagePush, type PushProgress } from "../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../command.ts";
import { booleanFlag, stringFlag } from "../flags.ts";
import { dockerConfigOf } from "../pull.ts";
import { PullDisplay, pushWords } from "../pull-progress.ts";
import { isNameOnly } from "../reference.ts";

const flags = {
  "all-tags": booleanFlag("a", "Push all tags of an image to the repository"),
  platform: stringFlag(
    undefined,
    "Push a platform-specific manifest as a single-platform image to the registry.\nImage index won't be pushed, meaning that other manifests, including attestations won't be preserved.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
  ),
  quiet: booleanFlag("q", "Suppress verbose output"),
} as const;

const interrupted = 130;

/** `docker.io/library/alpine` for what the user typed. */
function canonicalRepository(text: string): string {
  const name = text.replace(/:[^:/]*$/, "");
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const hasDomain = first.includes(".") || first.includes(":") || first === "localhost";
  if (hasDomain) return name;
  return `docker.io/${slash < 0 ? `library/${name}` : name}`;
}

export const push = defineCommand({
  summary: "Upload an image to a registry",
  usage: "[OPTIONS] NAME[:TAG]",
  aliases: ["image push", "push"],
  arguments: { min: 1, max: 1 },
  flags,
  async run({ args, flags, io, connect }) {
    const reference = args[0] ?? "";
    const allTags = flags["all-tags"];
    if (allTags && !isNameOnly(reference)) throw new CommandFailure("tag can't be used with --all-tags/-a");
    const out = flags.quiet ? undefined : io.stdout;
    const engine = await connect();
    if (!allTags && isNameOnly(reference)) out?.write("Using default tag: latest\n");
    const controller = new AbortController();
    const cancel = (): void => controller.abort();
    const forgetSignals = [io.onSignal("SIGINT", cancel), io.onSignal("SIGTERM", cancel)];
    const title = `The push refers to repository [${canonicalRepository(reference)}]`;
    out?.write(`${title}\n`);
    const display = out && new PullDisplay(out, undefined, pushWords);
    const token = `push-${process.pid}`;
    const forgetProgress = engine.onProgress<PushProgress>(token, (progress) => display?.report(progress));
    let result: ImagePushResult;
    try {
      result = await engine.request(
        imagePush,
        {
          reference,
          ...(allTags ? { allTags } : {}),
          ...(flags.platform ? { platform: flags.platform } : {}),
          ...(out ? { progressToken: token } : {}),
          ...dockerConfigOf(io),
        },
        { signal: controller.signal },
      );
    } catch (error) {
      if (controller.signal.aborted) throw new CommandFailure("", interrupted);
      throw error;
    } finally {
      display?.finish();
      forgetProgress();
      for (const forget of forgetSignals) forget();
    }
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
