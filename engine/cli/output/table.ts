/**
 * Aligns tab-separated cells as Go's tabwriter does with Docker's settings: columns of at least 10, 3 apart.
 */
const usualWidth = 10;
const padding = 3;

/** Width on a terminal, near enough: code points. */
function width(cell: string): number {
  return [...cell].length;
}

/** `text`: lines with tabs between cells. The last cell of a line is not padded. */
export function alignTable(text: string, minimumWidth = usualWidth): string {
  const rows = text.split("\n").map((line) => line.split("\t"));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? minimumWidth, width(cell) + padding);
    }
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1 ? cell : cell + " ".repeat((widths[column] ?? 0) - width(cell)),
        )
        .join(""),
    )
    .join("\n");
}

/** At most `length` columns, the last one an ellipsis if something was cut off. */
export function ellipsis(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`;
}

/** First 12 digits of an ID, without `sha256:`. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}
