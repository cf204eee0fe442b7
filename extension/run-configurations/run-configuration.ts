/**
 * A run configuration, as `.vscode/mocker.json` holds it. One description gives the type, the check and the
 * schema's test.
 */
import { networkModes } from "../../engine/protocol/network.ts";
import { l10n } from "../l10n.ts";

export const volumeShape = { source: "string", target: "string", readOnly: "boolean" } as const;

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
  network: networkModes,
  autoRemove: "boolean",
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
  /**
   * Folder of the host; `${workspaceFolder}` and `${userHome}` are replaced, a relative one is the workspace
   * folder's.
   */
  source: string;
  target: string;
  readOnly?: boolean;
}

type MemberType<T> = T extends keyof TypeOf ? TypeOf[T] : T extends readonly (infer Value)[] ? Value : never;
type Shape = typeof runConfigurationShape;

export type RunConfiguration = { name: string; image: string } & {
  -readonly [K in Exclude<keyof Shape, "name" | "image">]?: MemberType<Shape[K]>;
};

const has = (value: unknown, type: string): boolean => {
  switch (type) {
    case "string":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return Number.isInteger(value) && (value as number) > 0;
    case "string[]":
      return Array.isArray(value) && value.every((item) => typeof item === "string");
    case "record":
      return isRecord(value) && Object.values(value).every((item) => typeof item === "string");
    case "volume[]":
      return Array.isArray(value) && value.every(isVolume);
    default:
      return false;
  }
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isVolume(value: unknown): boolean {
  if (!isRecord(value) || typeof value.source !== "string" || typeof value.target !== "string") return false;
  return Object.entries(value).every(([key, member]) =>
    has(member, (volumeShape as Record<string, string>)[key] ?? ""),
  );
}

/** What is wrong with a value that is to be a run configuration; undefined if nothing is. */
export function problemOf(value: unknown): string | undefined {
  if (!isRecord(value)) return l10n.t("is not an object");
  for (const required of ["name", "image"] as const) {
    if (typeof value[required] !== "string" || value[required] === "")
      return l10n.t('has no "{0}"', required);
  }
  for (const [key, member] of Object.entries(value)) {
    const type = (runConfigurationShape as Record<string, string | readonly string[]>)[key];
    if (type === undefined) return l10n.t('has an unknown member "{0}"', key);
    const fits = typeof type === "string" ? has(member, type) : type.includes(String(member));
    if (!fits) return l10n.t('has a wrong value for "{0}"', key);
  }
  return undefined;
}
