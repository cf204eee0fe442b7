/** `image ls --tree`, as Docker 28 lays it out. */
import { humanSize } from "../../docker/sizes.ts";
import type { ImageTree, PlatformImage } from "../../protocol/image.ts";
import { shortId } from "./table.ts";

const warning =
  "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";

/** Between columns. */
const spacing = "   ";
/** What the column of names has at least; other columns make room for it. */
const minimumNameWidth = 12;

/** Select Graphic Rendition (ECMA-48), as Docker's. */
const paints = { bold: "39;1", name: "34;1", plain: "39", faint: "39;2", green: "32", yellow: "93" };
type Paint = keyof typeof paints;

interface Column {
  readonly title: string;
  readonly width: number;
  readonly align: "left" | "right" | "center";
  readonly value: (image: ImageTree | PlatformImage) => string;
  readonly paint?: Paint;
}

const detailColumns: readonly Column[] = [
  { title: "ID", width: 12, align: "left", value: ({ id }) => shortId(id) },
  { title: "DISK USAGE", width: 10, align: "right", value: ({ diskBytes }) => humanSize(diskBytes) },
  { title: "CONTENT SIZE", width: 12, align: "right", value: ({ contentBytes }) => humanSize(contentBytes) },
  { title: "IN USE", width: 6, align: "center", value: ({ isUsed }) => (isUsed ? "✔" : " "), paint: "green" },
];

function aligned(text: string, { width, align }: Pick<Column, "width" | "align">): [string, string, string] {
  if (text.length > width) return ["", `${text.slice(0, width - 3)}...`, ""];
  const left = { left: 0, center: Math.floor((width - text.length) / 2), right: width - text.length }[align];
  return [" ".repeat(left), text, " ".repeat(width - text.length - left)];
}

/** The whole text. `columns` is the terminal's width. */
export function imageTreeText(
  images: readonly ImageTree[],
  { columns, color }: { columns: number; color: boolean },
): string {
  const painted = (paint: Paint, text: string): string =>
    color ? `\x1b[${paints[paint]}m${text}\x1b[0m` : text;

  let room = Math.max(20, columns);
  const shown: Column[] = [];
  for (const column of detailColumns) {
    room -= column.width + spacing.length;
    if (room < minimumNameWidth) {
      room += column.width + spacing.length;
      break;
    }
    shown.push(column);
  }
  // Docker counts the bytes of a branch, two more for each of its two lines.
  const widest = images.flatMap(({ repoTags, platforms }) => [
    ...repoTags.map((name) => name.length),
    ...platforms.map(({ platform }) => Buffer.byteLength(`└─ ${platform}`)),
  ]);
  const name = { width: Math.min(room, Math.max("IMAGE".length, ...widest)), align: "left" } as const;

  const cell = (paint: Paint, text: string, column: Pick<Column, "width" | "align">): string => {
    const [before, middle, after] = aligned(text, column);
    return `${before}${painted(paint, middle)}${after}`;
  };
  const details = (paint: Paint, image: ImageTree | PlatformImage): string =>
    shown.map((column) => `${spacing}${cell(column.paint ?? paint, column.value(image), column)}`).join("");

  const lines = [
    painted("yellow", warning),
    "",
    [cell("bold", "IMAGE", name), ...shown.map((column) => cell("bold", column.title, column))].join(spacing),
  ];
  const isSpaced = images.some(({ platforms }) => platforms.length > 0);
  for (const image of images) {
    const names = image.repoTags.map((text) => cell("name", text, name));
    if (names.length === 0) names.push(cell("faint", "<untagged>", name));
    lines.push(...names.slice(0, -1), `${names.at(-1)}${details("plain", image)}`);
    for (const [index, platform] of image.platforms.entries()) {
      const branch = index === image.platforms.length - 1 ? "└─ " : "├─ ";
      const paint = platform.isStored ? "plain" : "faint";
      lines.push(`${cell(paint, `${branch}${platform.platform}`, name)}${details(paint, platform)}`);
    }
    if (isSpaced) lines.push("");
  }
  return `${lines.join("\n")}\n`;
}
