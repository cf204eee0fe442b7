import { MockerError } from "../protocol/errors.ts";
import type { LogConfig } from "../protocol/vm.ts";
import { humanSize, parseSize } from "./sizes.ts";

/** Where a VM's output is kept, and how much of it. */
export interface LogLimits {
  maxBytes: number;
  maxFiles: number;
  /** False: nothing is. */
  kept: boolean;
}

/** Docker keeps all of a json-file's output, unless it is told otherwise. */
const unlimitedBytes = 2 ** 50;
const smallestBytes = 4096;
const mostFiles = 1000;
const drivers: Record<string, Omit<LogLimits, "kept">> = {
  local: { maxBytes: 64 * 1024 * 1024, maxFiles: 4 },
  "json-file": { maxBytes: unlimitedBytes, maxFiles: 1 },
};
/** Docker knows them; what they change does not exist here. */
const otherOptions: Record<string, readonly string[]> = {
  local: ["compress", "mode", "max-buffer-size"],
  "json-file": ["compress", "mode", "max-buffer-size", "labels", "labels-regex", "env", "env-regex", "tag"],
};

export const defaultLogConfig: LogConfig = { driver: "local", options: {} };

/** What a log's driver and options mean. @throws INVALID_ARGUMENT, FEATURE_UNAVAILABLE in Docker's words */
export function logLimits({ driver, options }: LogConfig): LogLimits {
  if (driver === "none") {
    if (Object.keys(options).length > 0) throw invalid("invalid logging opts for driver none");
    return { maxBytes: smallestBytes, maxFiles: 1, kept: false };
  }
  const defaults = Object.hasOwn(drivers, driver) ? drivers[driver] : undefined;
  if (!defaults) {
    throw new MockerError("INVALID_ARGUMENT", `logger: no log driver named '${driver}' is registered`, {
      hint: "There are local, json-file and none.",
    });
  }
  const { "max-size": size, "max-file": count, ...others } = options;
  for (const name of Object.keys(others)) refuseOption(driver, name);
  return {
    maxBytes: size === undefined ? defaults.maxBytes : Math.max(smallestBytes, maxSize(size)),
    maxFiles: count === undefined ? defaults.maxFiles : Math.min(mostFiles, maxFile(count)),
    kept: true,
  };
}

/** `4 files of at most 64MB`. */
export function logLimitsText({ maxBytes, maxFiles }: LogLimits): string {
  return `${maxFiles === 1 ? "one file" : `${maxFiles} files`} of at most ${humanSize(maxBytes)}`;
}

const optionsHint =
  "Logs have the options max-size and max-file: --log-opt max-size=10m --log-opt max-file=3";

function refuseOption(driver: string, name: string): never {
  if (otherOptions[driver]?.includes(name)) {
    throw new MockerError("FEATURE_UNAVAILABLE", `log opt '${name}' is not supported`, {
      hint: optionsHint,
    });
  }
  throw invalid(
    driver === "local"
      ? `unknown log opt '${name}' for log driver local`
      : `unknown log opt '${name}' for ${driver} log driver`,
    optionsHint,
  );
}

function maxSize(text: string): number {
  let bytes: number;
  try {
    bytes = parseSize(text);
  } catch (error) {
    throw invalid(
      `failed to initialize logging driver: invalid value for max-size: ${text}: ${error instanceof Error ? error.message : error}`,
      optionsHint,
    );
  }
  if (bytes <= 0) throw invalid("failed to initialize logging driver: max-size must be a positive number");
  return Math.min(bytes, unlimitedBytes);
}

function maxFile(text: string): number {
  if (!/^[+-]?[0-9]+$/.test(text)) {
    throw invalid(
      `failed to initialize logging driver: invalid value for max-file: ${text}: strconv.Atoi: parsing "${text}": invalid syntax`,
    );
  }
  const count = Number(text);
  if (!Number.isSafeInteger(count)) {
    throw invalid(
      `failed to initialize logging driver: invalid value for max-file: ${text}: strconv.Atoi: parsing "${text}": value out of range`,
    );
  }
  if (count < 1) throw invalid("failed to initialize logging driver: max-file cannot be less than 1");
  return count;
}

function invalid(message: string, hint?: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message, hint === undefined ? {} : { hint });
}
