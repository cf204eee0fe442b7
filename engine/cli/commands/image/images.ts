import { splitReference } from "../../../docker/reference.ts";
import { humanSize } from "../../../docker/sizes.ts";
import { goTime, humanAge } from "../../../docker/times.ts";
import { type ImageSummary, imageList } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { filterFlag, filtersOf } from "../../filters.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { ListFormat, type ListView, listFormatHelp, quietFormat } from "../../output/list-format.ts";
import { shortId } from "../../output/table.ts";

const flags = {
  all: booleanFlag("a", "Show all images (default hides intermediate images)"),
  digests: booleanFlag(undefined, "Show digests"),
  filter: filterFlag(),
  format: stringFlag(undefined, listFormatHelp),
  "no-trunc": booleanFlag(undefined, "Don't truncate output"),
  quiet: booleanFlag("q", "Only show image IDs"),
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
    const digests = flags.digests || flags.format?.includes("{{.Digest}}") === true;
    const format = new ListFormat(
      view(!flags["no-trunc"], flags.digests),
      quietFormat(flags.quiet, flags.format),
    );
    const filters = filtersOf(flags.filter);
    const [reference] = args;
    if (reference !== undefined) filters.reference = [...(filters.reference ?? []), reference];
    const engine = await connect();
    const list = await engine.request(imageList, Object.keys(filters).length > 0 ? { filters } : {});
    io.stdout.write(format.print(list.flatMap((image) => namesOf(image, digests))));
    return 0;
  },
});
