/**
 * A run configuration, as `.vscode/mocker.json` holds it. One description gives the type, the check and the
 * schema's test.
 */
import { l10n } from "../l10n.ts";
import { publishProblem } from "./published-port.ts";

export const volumeShape = {
  type: ["bind", "volume"],
  source: "string",
  target: "string",
  readOnly: "boolean",
} as const;

/** Members and their types; `image` and `name` are required. */
export const runConfigurationShape = {
  name: "string",
  image: "string",
  command: "string[]",
  entrypoint: "string[]",
  vmName: "string",
  volumes: "volume[]",
  env: "record",
  envFiles: "string[]",
  secrets: "string[]",
  workingDir: "string",
  user: "string",
  hostname: "string",
  cpus: "integer",
  memoryMiB: "integer",
  runtime: ["auto", "krun", "simulation"],
  network: "string",
  ports: "string[]",
  autoRemove: "boolean",
  onExisting: ["ask", "replace", "start"],
} as const;

interface TypeOf {
  string: string;
  "string[]": string[];
  integer: number;
  boolean: boolean;
  record: Record<string, string>;
  "volume[]": RunVolume[];
}

export interface RunVolume {
  /** As in Compose's long syntax. Absent: a folder of the host, `bind`. */
  type?: (typeof volumeShape.type)[number];
  /**
   * Folder of the host; `${workspaceFolder}` and `${userHome}` are replaced, a relative one is the workspace
   * folder's. Of the type `volume` its name; absent: an anonymous volume.
   */
  source?: string;
  target: string;
  readOnly?: boolean;
}

type MemberType<T> = T extends keyof TypeOf ? TypeOf[T] : T extends readonly (infer Value)[] ? Value : never;
type Shape = typeof runConfigurationShape;

export type RunConfiguration = { name: string; image: string } & {
  -readonly [K in Exclude<keyof Shape, "name" | "image">]?: MemberType<Shape[K]>;
};

const has = (value: unknown, type: string | readonly string[]): boolean => {
  if (typeof type !== "string") return typeof value === "string" && type.includes(value);
  switch (type) {
    case "string":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return typeof value === "number" && Number.isInteger(value) && value > 0;
    case "string[]":
      return isStrings(value);
    case "record":
      return isRecord(value) && Object.values(value).every((item) => typeof item === "string");
    case "volume[]":
      return Array.isArray(value) && value.every(isVolume);
    default:
      return false;
  }
};

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isVolume(value: unknown): boolean {
  if (!isRecord(value) || typeof value.target !== "string") return false;
  if (value.type !== "volume" && typeof value.source !== "string") return false;
  if (value.type === "volume" && typeof value.source === "string" && !isVolumeName(value.source))
    return false;
  const shape: Record<string, string | readonly string[]> = volumeShape;
  return Object.entries(value).every(([key, member]) => has(member, shape[key] ?? ""));
}

/** Docker's rule for names of local volumes. */
export function isVolumeName(text: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(text);
}

/** What is wrong with a value that is to be a run configuration; undefined if nothing is. */
export function problemOf(value: unknown): string | undefined {
  if (!isRecord(value)) return l10n.t("is not an object");
  for (const required of ["name", "image"] as const) {
    if (typeof value[required] !== "string" || value[required] === "")
      return l10n.t('has no "{0}"', required);
  }
  const shape: Record<string, string | readonly string[]> = runConfigurationShape;
  for (const [key, member] of Object.entries(value)) {
    const type = shape[key];
    if (type === undefined) return l10n.t('has an unknown member "{0}"', key);
    if (!has(member, type)) return l10n.t('has a wrong value for "{0}"', key);
  }
  for (const port of isStrings(value.ports) ? value.ports : []) {
    const problem = publishProblem(port);
    if (problem !== undefined) return l10n.t('has a wrong port "{0}": {1}', port, problem);
  }
  return undefined;
}
