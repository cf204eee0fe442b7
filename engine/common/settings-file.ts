import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MockerError } from "../protocol/errors.ts";

/** The engine's configuration file, with the keys of Docker's daemon.json. */
export interface SettingsFile {
  path: string;
  /** Empty where there is no file. */
  keys: Record<string, unknown>;
}

/** Reads `engine.json` in `directory`. @throws INVALID_ARGUMENT naming the file */
export function readSettingsFile(directory: string): SettingsFile {
  const path = join(directory, "engine.json");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { path, keys: {} };
    throw invalidSetting(path, `it cannot be read: ${(error as Error).message}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalidSetting(path, `it is not valid JSON: ${(error as Error).message}`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw invalidSetting(path, "it is no JSON object");
  return { path, keys: Object.fromEntries(Object.entries(json)) };
}

/** What is wrong with the file at `path`. */
export function invalidSetting(path: string, reason: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", `unable to configure the engine with file ${path}: ${reason}`, {
    hint: "Correct the file: its keys are those of Docker's daemon.json.",
  });
}
