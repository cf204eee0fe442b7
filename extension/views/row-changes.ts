/** What of a tree must be drawn anew. */

/** One row of a tree, and those below it. */
export interface RowShape {
  id: string;
  /** Whatever of it shows. */
  looks: string;
  rows: readonly RowShape[];
}

/**
 * The rows to draw anew, by ID, a row with all below it. Undefined: the whole tree, because some of its rows
 * came, went or moved.
 */
export function rowsToDraw(before: readonly RowShape[], now: readonly RowShape[]): string[] | undefined {
  if (!haveSameIds(before, now)) return undefined;
  return now.flatMap((row, index) => {
    const old = before[index];
    if (old === undefined || old.looks !== row.looks) return [row.id];
    return rowsToDraw(old.rows, row.rows) ?? [row.id];
  });
}

function haveSameIds(a: readonly RowShape[], b: readonly RowShape[]): boolean {
  return a.length === b.length && a.every(({ id }, index) => id === b[index]?.id);
}
