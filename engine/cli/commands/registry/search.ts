import { imageSearch, type SearchResult } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { filterFlag, filtersOf } from "../../filters.ts";
import { booleanFlag, integerFlag, stringFlag } from "../../flags.ts";
import { ListFormat, type ListView } from "../../output/list-format.ts";
import { ellipsis } from "../../output/table.ts";
import { dockerConfigOf } from "../image/pull-image.ts";

const flags = {
  filter: filterFlag(),
  format: stringFlag(undefined, "Pretty-print search using a Go template"),
  limit: integerFlag(undefined, "Max number of search results"),
  "no-trunc": booleanFlag(undefined, "Don't truncate output"),
} as const;

const descriptionWidth = 45;

function view(truncate: boolean, json: boolean): ListView<SearchResult> {
  // As Docker: a mark for people, a word for programs.
  const flag = (value: boolean): string => (json ? `${value}` : value ? "[OK]" : "");
  return {
    typeName: "*formatter.searchContext",
    defaultTable: "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
    headers: {
      Name: "NAME",
      Description: "DESCRIPTION",
      StarCount: "STARS",
      IsOfficial: "OFFICIAL",
      IsAutomated: "AUTOMATED",
    },
    row: ({ name, description, stars, official, automated }) => {
      const line = description.replace(/[\r\n]/g, (end) => (end === "\n" ? " " : ""));
      return {
        Name: name,
        Description: truncate ? ellipsis(line, descriptionWidth) : line,
        StarCount: `${stars}`,
        IsOfficial: flag(official),
        IsAutomated: flag(automated),
      };
    },
  };
}

export const search = defineCommand({
  summary: "Search Docker Hub for images",
  usage: "[OPTIONS] TERM",
  arguments: { min: 1, max: 1 },
  flags,
  async run({ args, flags, io, connect }) {
    const json = /\bjson\b/.test(flags.format ?? "");
    const format = new ListFormat(view(!flags["no-trunc"], json), flags.format);
    const filters = filtersOf(flags.filter);
    const engine = await connect();
    const results = await engine.request(imageSearch, {
      term: args[0] ?? "",
      ...(flags.limit ? { limit: flags.limit } : {}),
      ...(Object.keys(filters).length > 0 ? { filters } : {}),
      ...dockerConfigOf(io),
    });
    io.stdout.write(format.print(results));
    return 0;
  },
});
