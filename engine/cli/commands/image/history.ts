import { humanSize } from "../../../docker/sizes.ts";
import { humanAge, rfc3339 } from "../../../docker/times.ts";
import { type ImageHistoryEntry, imageHistory, withoutControls } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { booleanFlag, stringFlag } from "../../flags.ts";
import { ListFormat, type ListView, listFormatHelp, quietFormat } from "../../output/list-format.ts";
import { ellipsis, shortId } from "../../output/table.ts";

const flags = {
  format: stringFlag(undefined, listFormatHelp),
  human: booleanFlag("H", "Print sizes and dates in human readable format", true),
  "no-trunc": booleanFlag(undefined, "Don't truncate output"),
  platform: stringFlag(
    undefined,
    'Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
  ),
  quiet: booleanFlag("q", "Only show image IDs"),
} as const;

const createdByColumns = 45;

function view(human: boolean, truncate: boolean): ListView<ImageHistoryEntry> {
  return {
    typeName: "*image.historyContext",
    defaultTable: `{{.ID}}\t{{${human ? ".CreatedSince" : ".CreatedAt"}}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`,
    headers: {
      ID: "IMAGE",
      CreatedSince: "CREATED",
      CreatedAt: "CREATED AT",
      CreatedBy: "CREATED BY",
      Size: "SIZE",
      Comment: "COMMENT",
    },
    row: ({ id, created, createdBy, sizeBytes, comment }) => ({
      Comment: withoutControls(comment),
      get CreatedAt() {
        return rfc3339(created);
      },
      get CreatedBy() {
        const text = withoutControls(createdBy.replaceAll("\t", " "));
        return truncate ? ellipsis(text, createdByColumns) : text;
      },
      get CreatedSince() {
        return human ? humanAge(created) : rfc3339(created);
      },
      get ID() {
        return truncate && id.startsWith("sha256:") ? shortId(id) : id;
      },
      get Size() {
        return human ? humanSize(sizeBytes) : String(sizeBytes);
      },
    }),
  };
}

export const history = defineCommand({
  summary: "Show the history of an image",
  usage: "[OPTIONS] IMAGE",
  arguments: { min: 1, max: 1 },
  flags,
  async run({ args, flags, io, connect }) {
    const [image = ""] = args;
    const format = new ListFormat(
      view(flags.human, !flags["no-trunc"]),
      quietFormat(flags.quiet, flags.format),
    );
    const engine = await connect();
    const platform = flags.platform ? { platform: flags.platform } : {};
    io.stdout.write(format.print(await engine.request(imageHistory, { image, ...platform })));
    return 0;
  },
});
