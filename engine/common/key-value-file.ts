/** Files of environment variables and labels (docker/cli opts/file.go), for every client that takes them. */
import { readFileSync } from "node:fs";

/** `message` is Docker's; `reason` is what is wrong, without the path. */
export class KeyValueFileError extends Error {
  readonly reason: string;

  constructor(message: string, reason: string) {
    super(message);
    this.reason = reason;
  }
}

const bom = "\ufeff";

/**
 * Lines of an `--env-file` or `--label-file`: `KEY=value`, `KEY` alone (see `lookUp`), `#` comments, nothing
 * unquoted. A `KEY` alone takes its value from `lookUp`, and is left out if that has none. Throws
 * KeyValueFileError in Docker's words.
 */
export function readKeyValueFile(path: string, lookUp: (key: string) => string | undefined): string[] {
  const failed = (call: string, reason: string) =>
    new KeyValueFileError(`${call} ${path}: ${reason}`, reason);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") throw failed("open", "no such file or directory");
    if (code === "EACCES") throw failed("open", "permission denied");
    if (code === "EISDIR")
      throw new KeyValueFileError(
        `invalid env file (${path}): read ${path}: is a directory`,
        "is a directory",
      );
    throw error;
  }
  const invalid = (reason: string) => new KeyValueFileError(`invalid env file (${path}): ${reason}`, reason);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const pairs: string[] = [];
  let start = 0;
  for (let number = 1; start < bytes.length; number++) {
    const newline = bytes.indexOf(0x0a, start);
    const lineBytes = bytes.subarray(start, newline < 0 ? bytes.length : newline);
    start = newline < 0 ? bytes.length : newline + 1;
    let line: string;
    try {
      line = decoder.decode(lineBytes);
    } catch {
      const values = [...lineBytes].join(" ");
      throw invalid(`invalid utf8 bytes at line ${number}: [${values}]`);
    }
    if (number === 1 && line.startsWith(bom)) line = line.slice(bom.length);
    line = line.replace(/\r$/, "").replace(/^[ \t]+/, "");
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const key = equals < 0 ? line : line.slice(0, equals);
    if (/[ \t]/.test(key)) throw invalid(`variable '${key}' contains whitespaces`);
    if (key === "") throw invalid(`no variable name on line '${line}'`);
    if (equals >= 0) {
      pairs.push(line);
      continue;
    }
    const value = lookUp(key);
    if (value !== undefined) pairs.push(`${key}=${value}`);
  }
  return pairs;
}
