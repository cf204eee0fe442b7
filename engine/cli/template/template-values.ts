// The values of templates, as Go sees them.

/** Go's %v. */
export function format(value: unknown, nested = false): string {
  if (value === undefined && !nested) return "<no value>";
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map((item) => format(item, true)).join(" ")}]`;
  if (value instanceof Map) {
    const entries = [...value].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    return `map[${entries.map(([key, item]) => `${key}:${format(item, true)}`).join(" ")}]`;
  }
  if (typeof value === "object") {
    return `{${Object.values(value)
      .filter((item) => typeof item !== "function")
      .map((item) => format(item, true))
      .join(" ")}}`;
  }
  return String(value);
}

export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  return Boolean(value);
}

export function typeName(value: unknown): string {
  if (value === null || value === undefined) return "nil";
  if (Array.isArray(value)) return "[]interface {}";
  if (value instanceof Map) return "map[string]string";
  if (typeof value === "object") return "map[string]interface {}";
  return typeof value === "boolean" ? "bool" : typeof value === "number" ? "int" : typeof value;
}

export function quote(text: string): string {
  return JSON.stringify(text);
}
