import { splitReference } from "../../../docker/reference.ts";
import { humanSize } from "../../../docker/sizes.ts";
import { goTime, humanAge } from "../../../docker/times.ts";
import { type ImageSummary, imageList, imageTree } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { filterFlag, filtersOf } from "../../filters.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { imageTreeText } from "../../output/image-tree-text.ts";
import { ListFormat, type ListView, listFormatHelp, quietFormat } from "../../output/list-format.ts";
import { shortId } from "../../output/table.ts";

const flags = {
  all: booleanFlag("a", "Show all images (default hides intermediate images)"),
  digests: booleanFlag(undefined, "Show digests"),
  filter: filterFlag(),
  format: stringFlag(undefined, listFormatHelp),
  "no-trunc": booleanFlag(undefined, "Don't truncate output"),
  quiet: booleanFlag("q", "Only show image IDs"),
  tree: booleanFlag(undefined, "List multi-platform images as a tree (EXPERIMENTAL)"),
} as const;

/** One line of the table: an image under one of its names. */
interface NamedImage {
  image: ImageSummary;
  repository: string;
  tag: string;
  digest: string;
}

const none = "<none>";

function repositoryOf(reference: string): [repository: string, rest: string] {
  const { name, tag, digest } = splitReference(reference);
  return [name, digest ?? tag ?? "latest"];
}

/** An image by all its names; with `digests`, by the digests of each name. */
function namesOf(image: ImageSummary, digests: boolean): NamedImage[] {
  const known = image.repoDigests.map(repositoryOf);
  const names: NamedImage[] = [];
  for (const repoTag of image.repoTags) {
    const [repository, tag] = repositoryOf(repoTag);
    const own = digests ? known.filter(([name]) => name === repository) : [];
    if (own.length === 0) names.push({ image, repository, tag, digest: none });
    for (const [, digest] of own) names.push({ image, repository, tag, digest });
  }
  if (names.length > 0) return names;
  // Pulled by digest, or untagged since.
  if (known.length === 0) return [{ image, repository: none, tag: none, digest: none }];
  return known
    .slice(0, digests ? undefined : 1)
    .map(([repository, digest]) => ({ image, repository, tag: none, digest }));
}

function view(truncate: boolean, digests: boolean): ListView<NamedImage> {
  return {
    typeName: "*formatter.imageContext",
    defaultTable: `{{.Repository}}\t{{.Tag}}\t${digests ? "{{.Digest}}\t" : ""}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`,
    headers: {
      ID: "IMAGE ID",
      Repository: "REPOSITORY",
      Tag: "TAG",
      Digest: "DIGEST",
      CreatedSince: "CREATED",
      CreatedAt: "CREATED AT",
      Size: "SIZE",
      Containers: "CONTAINERS",
      VirtualSize: "SIZE",
      SharedSize: "SHARED SIZE",
      UniqueSize: "UNIQUE SIZE",
    },
    row: ({ image, repository, tag, digest }) => ({
      Containers: "N/A",
      get CreatedAt() {
        return goTime(image.created);
      },
      get CreatedSince() {
        return humanAge(image.created);
      },
      Digest: digest,
      get ID() {
        return truncate ? shortId(image.id) : image.id;
      },
      Repository: repository,
      SharedSize: "N/A",
      get Size() {
        return humanSize(image.sizeBytes);
      },
      Tag: tag,
      UniqueSize: "N/A",
      get VirtualSize() {
        return humanSize(image.sizeBytes, 4);
      },
    }),
  };
}

export const images = defineCommand({
  summary: "List images",
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  arguments: { min: 0, max: 1 },
  flags,
  async run({ args, flags, io, connect }) {
    const filters = filtersOf(flags.filter);
    const [reference] = args;
    if (reference !== undefined) filters.reference = [...(filters.reference ?? []), reference];
    if (flags.tree) {
      const { quiet, "no-trunc": noTrunc, digests, format } = flags;
      const other = { "--quiet": quiet, "--no-trunc": noTrunc, "--show-digest": digests, "--format": format };
      for (const [name, value] of Object.entries(other))
        if (value) throw new CommandFailure(`${name} is not yet supported with --tree`);
      const engine = await connect();
      const color = io.stdout.isTTY === true && !io.env.NO_COLOR && io.env.TERM !== "dumb";
      const columns = io.stdout.columns || 80;
      io.stdout.write(imageTreeText(await engine.request(imageTree, { filters }), { columns, color }));
      return 0;
    }
    const digests = flags.digests || flags.format?.includes("{{.Digest}}") === true;
    const format = new ListFormat(
      view(!flags["no-trunc"], flags.digests),
      quietFormat(flags.quiet, flags.format),
    );
    const engine = await connect();
    const list = await engine.request(imageList, Object.keys(filters).length > 0 ? { filters } : {});
    io.stdout.write(format.print(list.flatMap((image) => namesOf(image, digests))));
    return 0;
  },
});
