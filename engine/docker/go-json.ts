/** JSON as Go writes it: maps' keys sorted, methods left out. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(withoutMaps(value), undefined, indent);
}

/**
 * The value with objects for its Go maps. A replacer of JSON.stringify would be asked for every member of
 * every object, which takes long for lists of containers.
 */
function withoutMaps(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Map)
    return Object.fromEntries([...value].sort(byKey).map(([key, item]) => [key, withoutMaps(item)]));
  if (Array.isArray(value)) {
    const items = value.map(withoutMaps);
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if ("toJSON" in value) return value;
  let copy: Record<string, unknown> | undefined;
  for (const [key, item] of Object.entries(value)) {
    const plain = withoutMaps(item);
    if (plain === item) continue;
    copy ??= { ...value };
    copy[key] = plain;
  }
  return copy ?? value;
}

function byKey([a]: [unknown, unknown], [b]: [unknown, unknown]): number {
  return String(a) < String(b) ? -1 : 1;
}
