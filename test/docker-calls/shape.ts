/** What two answers have in common, however their names, times and sizes differ. */

/**
 * The paths of a value with the kind of what is there: `State.Pid: number`. Members of a list are `[]`, those
 * of a map whose keys are data `{}`.
 */
export function shapeOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) {
    const members = value.flatMap((member) => shapeOf(member, `${path}[]`));
    return [`${path}: list`, ...new Set(members)];
  }
  if (typeof value === "object" && value !== null) {
    const isMap = dataKeys.some((pattern) => pattern.test(path));
    const members = Object.entries(value).flatMap(([key, member]) =>
      shapeOf(member, isMap ? `${path}{}` : path === "" ? key : `${path}.${key}`),
    );
    return [`${path}: object`, ...new Set(members)];
  }
  return [`${path}: ${value === null ? "null" : typeof value}`];
}

/** Maps by names, ports or labels. */
const dataKeys = [
  /(^|\.)(Labels|Networks|Ports|ExposedPorts|PortBindings|Options|Containers|Volumes|Annotations|Sysctls|Tmpfs)$/,
  /(^|\.)(Attributes|Runtimes|IndexConfigs|DriverOpts|networks)$/,
];

export interface ShapeDifference {
  /** Paths with kinds that only dockerd's answer has. */
  missing: string[];
  /** Those that only ours has. */
  more: string[];
}

/** A path that is null or empty on one side and filled on the other is no difference. */
export function compareShapes(theirs: unknown, ours: unknown): ShapeDifference {
  const [a, b] = [shapeOf(theirs), shapeOf(ours)];
  return { missing: unmatched(a, b), more: unmatched(b, a) };
}

function unmatched(lines: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  const paths = new Map(others.map((line) => splitLine(line)));
  return lines.filter((line) => {
    if (known.has(line)) return false;
    const [path, kind] = splitLine(line);
    const other = paths.get(path);
    // Go leaves lists and maps null where there is nothing in them.
    if (other !== undefined && (kind === "null" || other === "null")) return false;
    return !isBelowEmpty(path, others);
  });
}

/** Whether the other side has nothing in the list or map that the path leads into. */
function isBelowEmpty(path: string, others: readonly string[]): boolean {
  const parents = [...path.matchAll(/\[\]|\{\}|\./g)].map(({ index }) => path.slice(0, index));
  return parents.some((parent) => {
    const isThere = others.some(
      (line) => /: (list|object|null)$/.test(line) && line.startsWith(`${parent}:`),
    );
    const isFilled = others.some(
      (line) =>
        line.startsWith(`${parent}[]`) || line.startsWith(`${parent}{}`) || line.startsWith(`${parent}.`),
    );
    return isThere && !isFilled;
  });
}

function splitLine(line: string): [path: string, kind: string] {
  const at = line.lastIndexOf(": ");
  return [line.slice(0, at), line.slice(at + 2)];
}
