/** JSON as Go writes it: maps' keys sorted, methods left out. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_, item: unknown) => (item instanceof Map ? Object.fromEntries([...item].sort()) : item),
    indent,
  );
}
