/** Objects of which Mocker's have every path that Docker's have, with the same type. */

interface ObjectLine {
  /** Prints objects in JSON, one a line. */
  readonly text: string;
  /** Paths whose members are named by the user or the machine, not by Docker. */
  readonly maps?: readonly string[];
  /** Why Mocker has not these paths, nor what is below them. */
  readonly missing?: Readonly<Record<string, string>>;
}

export const objectLines: readonly ObjectLine[] = [
  {
    text: "docker info --format '{{json .}}'",
    maps: ["Runtimes", "RegistryConfig.IndexConfigs"],
    missing: {
      Containerd: "there is none",
      "Runtimes.*.status": "runc tells its features there",
    },
  },
  { text: "docker version --format '{{json .}}'" },
  { text: "docker stats --no-stream --format '{{json .}}' thing" },
  {
    text: "docker inspect --format '{{json .}}' thing",
    maps: ["Config.Labels", "Config.ExposedPorts", "NetworkSettings.Networks", "NetworkSettings.Ports"],
    missing: {
      "GraphDriver.Data": "a VM's files have no driver of Docker's",
      "HostConfig.OomKillDisable": "null where the host has cgroup v2, which cannot",
    },
  },
  {
    text: "docker image inspect --format '{{json .}}' box",
    maps: ["Config.Labels"],
  },
  { text: "docker volume inspect --format '{{json .}}' thing" },
  { text: "docker network inspect --format '{{json .}}' bridge", maps: ["Options", "Containers"] },
  { text: "docker ps --format '{{json .}}'" },
  { text: "docker images --format '{{json .}}'" },
  { text: "docker history --format '{{json .}}' box" },
  { text: "docker volume ls --format '{{json .}}'" },
  { text: "docker network ls --format '{{json .}}'" },
  { text: "docker system df --format '{{json .}}'" },
  { text: "docker context ls --format '{{json .}}'" },
];

/** Makes what they are about. */
export const objectsOf = [
  "docker volume create thing",
  "docker run -d --name thing -p 127.0.0.1::80 -v thing:/v box sleep 1000",
];

type Shape = Map<string, string>;

/** Every path of a JSON value with its type; the elements of an array have one path, `[]`. */
function addShape(shape: Shape, value: unknown, path: string, maps: readonly string[]): Shape {
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  // What is null in one element may be more in another.
  if (type !== "null" || !shape.has(path)) shape.set(path, type);
  if (typeof value !== "object" || value === null) return shape;
  for (const [key, member] of Object.entries(value)) {
    const name = Array.isArray(value) ? "[]" : maps.includes(path) ? "*" : key;
    addShape(shape, member, path === "" ? name : `${path}.${name}`, maps);
  }
  return shape;
}

function shapeOf(lines: string, maps: readonly string[]): Shape {
  const objects = lines.split("\n").filter((line) => line !== "");
  return objects.reduce((shape, line) => addShape(shape, JSON.parse(line), "", maps), new Map());
}

/** A nil slice, map or pointer of Go's is null. */
function isSameType(theirs: string, ours: string): boolean {
  const isNil = (one: string, other: string): boolean =>
    one === "null" && (other === "array" || other === "object" || other === "null");
  return theirs === ours || isNil(theirs, ours) || isNil(ours, theirs);
}

/** What is in a list or a map of theirs is no path where ours has nothing in it. */
function isInEmpty(path: string, ours: Shape): boolean {
  const names = path.split(".");
  return names.some((name, index) => {
    const [list, member] = [names.slice(0, index).join("."), names.slice(0, index + 1).join(".")];
    return (name === "[]" || name === "*") && ours.has(list) && !ours.has(member);
  });
}

/** What Mocker's objects lack of Docker's, and reasons for what they do not lack. */
export function objectComplaints(line: ObjectLine, dockers: string, mockers: string): string[] {
  const { maps = [], missing = {} } = line;
  const [theirs, ours] = [shapeOf(dockers, maps), shapeOf(mockers, maps)];
  const unused = new Set(Object.keys(missing));
  const wrong: string[] = [];
  for (const [path, type] of theirs) {
    const own = ours.get(path);
    if (own === undefined ? isInEmpty(path, ours) : isSameType(type, own)) continue;
    const reason = Object.keys(missing).find((prefix) => path === prefix || path.startsWith(`${prefix}.`));
    if (reason === undefined) wrong.push(`  ${path}: ${type}, and here ${own ?? "nothing"}`);
    else unused.delete(reason);
  }
  return [...wrong, ...[...unused].map((path) => `  ${path} is there, but is listed as missing`)];
}
