import { isAbsolute } from "node:path";
import { binarySize, parseMemory } from "../../docker/sizes.ts";
import { MockerError } from "../../protocol/errors.ts";

/** Docker's rule for names of local volumes. @throws INVALID_ARGUMENT in its words */
export function checkVolumeName(name: string): void {
  if (name.length === 1) {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    );
  }
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only ` +
        '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    );
  }
}

/** @throws INVALID_ARGUMENT in Docker's words: there are no plugins */
export function checkDriver(name: string, driver: string): void {
  if (driver === "local" || driver === "") return;
  throw new MockerError(
    "INVALID_ARGUMENT",
    `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
    { hint: 'The only driver is "local".' },
  );
}

const optionNames = new Set(["type", "o", "device", "size"]);

/** The directory of the host that a volume of the options `type=none,o=bind,device=PATH` stands for. */
export function boundDirectory(options: Readonly<Record<string, string>>): string | undefined {
  return options.device;
}

/** Of a block volume: as much as a VM's writable disk. */
const defaultBlockBytes = 16 * 2 ** 30;
const leastBlockBytes = 64 * 2 ** 20;
const mostBlockBytes = 16 * 2 ** 40;

/** The volume is a disk with a file system of its own. */
export function isBlock(options: Readonly<Record<string, string>>): boolean {
  return options.type === "block";
}

/** What a block volume is to hold; undefined for a volume that is a directory. @throws INVALID_ARGUMENT */
export function blockBytes(name: string, options: Readonly<Record<string, string>>): number | undefined {
  if (!isBlock(options)) return undefined;
  if (options.size === undefined) return defaultBlockBytes;
  let bytes: number;
  try {
    bytes = parseMemory(options.size);
  } catch (error) {
    throw new MockerError("INVALID_ARGUMENT", `create ${name}: invalid size: '${options.size}'`, {
      hint: "Sizes are written so: 512m, 10G.",
      cause: error,
    });
  }
  if (bytes >= leastBlockBytes && bytes <= mostBlockBytes) return bytes;
  throw new MockerError(
    "INVALID_ARGUMENT",
    `create ${name}: a block volume has ${binarySize(leastBlockBytes)} to ${binarySize(mostBlockBytes)}, not ` +
      binarySize(bytes),
  );
}

const kinds =
  "A volume without options is a directory; a disk is --opt type=block, a directory of the host --opt type=none --opt o=bind --opt device=/path";

/**
 * The options of the driver `local`: none, those of a block volume, or those of a directory of the host under
 * a name.
 * @throws INVALID_ARGUMENT, FEATURE_UNAVAILABLE
 */
export function checkDriverOptions(name: string, options: Readonly<Record<string, string>>): void {
  const invalid = (what: string, hint?: string): MockerError =>
    new MockerError("INVALID_ARGUMENT", `create ${name}: ${what}`, hint === undefined ? {} : { hint });
  const unknown = Object.keys(options).find((option) => !optionNames.has(option));
  if (unknown !== undefined) throw invalid(`invalid option: ${JSON.stringify(unknown)}`);
  if (Object.keys(options).length === 0) return;
  const { type = "", o = "", device = "", size } = options;
  if (isBlock(options)) {
    const other = ["o", "device"].find((option) => options[option] !== undefined);
    if (other !== undefined)
      throw invalid(`a volume of the type block has no option ${JSON.stringify(other)}`);
    return;
  }
  if (size !== undefined) throw invalid("only volumes of the type block have a size: --opt type=block");
  const flags = o.split(",").filter((flag) => flag !== "");
  const isBind = flags.some((flag) => flag === "bind" || flag === "rbind");
  if (device === "") throw invalid("missing device in volume options", kinds);
  if (!isBind || (type !== "none" && type !== "")) {
    throw new MockerError(
      "FEATURE_UNAVAILABLE",
      `create ${name}: volumes of the type ${JSON.stringify(type)} are not supported`,
      { hint: kinds },
    );
  }
  if (!isAbsolute(device)) throw invalid(`device ${JSON.stringify(device)} must be an absolute path`);
}
