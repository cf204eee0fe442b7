/** What a path leads to, as lstat has it. */
export interface PathFacts {
  /** `st_mode`, the kind of file included. */
  mode: number;
  sizeBytes: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  linkTarget: string;
}

const kindMask = 0o170000;
/** Of Go's FileMode (io/fs), by kinds of st_mode. */
const goKinds: ReadonlyMap<number, number> = new Map([
  [0o040000, 2 ** 31],
  [0o120000, 2 ** 27],
  [0o060000, 2 ** 26],
  [0o010000, 2 ** 25],
  [0o140000, 2 ** 24],
  [0o020000, 2 ** 26 + 2 ** 21],
]);
const goSetUid = 2 ** 23;
const goSetGid = 2 ** 22;
const goSticky = 2 ** 20;

/** Go's FileMode of a st_mode. */
export function goFileMode(mode: number): number {
  return (
    (mode & 0o777) +
    (goKinds.get(mode & kindMask) ?? 0) +
    (mode & 0o4000 ? goSetUid : 0) +
    (mode & 0o2000 ? goSetGid : 0) +
    (mode & 0o1000 ? goSticky : 0)
  );
}

/**
 * What `path`, as a client has sent it, leads to: the header X-Docker-Container-Path-Stat, but for base64.
 */
export function pathStat(path: string, facts: PathFacts): Record<string, unknown> {
  return {
    name: baseName(path),
    size: facts.sizeBytes,
    mode: goFileMode(facts.mode),
    mtime: goNanoTime(facts),
    linkTarget: facts.linkTarget,
  };
}

/** Go's filepath.Base, of a path that keeps a dot at its end. */
function baseName(path: string): string {
  const parts = path.split("/").filter((part) => part !== "");
  return parts.at(-1) ?? "/";
}

/** RFC 3339 with as many digits as it takes. */
function goNanoTime({ mtimeSeconds, mtimeNanoseconds }: PathFacts): string {
  const date = new Date(mtimeSeconds * 1000);
  const whole = Number.isNaN(date.getTime()) ? "1970-01-01T00:00:00" : date.toISOString().slice(0, -5);
  const fraction = String(mtimeNanoseconds).padStart(9, "0").replace(/0+$/, "");
  return `${whole}${fraction === "" ? "" : `.${fraction}`}Z`;
}
