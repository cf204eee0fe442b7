import { open } from "node:fs/promises";
import { MockerError } from "../../protocol/errors.ts";
import type { SecretVariable } from "../../protocol/vm.ts";

/** Linux' MAX_ARG_STRLEN: no variable is longer, with its name. */
const maxValueBytes = 128 * 1024;

/**
 * The secret variables of one VM. What clients gave is kept in memory, as long as this engine has the VM;
 * files are read at every start. No error names a value.
 */
export class Secrets {
  /** For errors. */
  vmName: string;
  readonly #variables: readonly SecretVariable[];
  /** What clients gave, and what files had at the last start. */
  readonly #values = new Map<string, string>();

  constructor(vmName: string, variables: readonly SecretVariable[] = []) {
    this.vmName = vmName;
    this.#variables = variables;
  }

  /** Takes values of variables without a file; they replace earlier ones. @throws INVALID_ARGUMENT */
  give(values: Readonly<Record<string, string>>): void {
    const given = Object.entries(values);
    for (const [name, value] of given) {
      const variable = this.#variables.find((one) => one.name === name);
      if (!variable || variable.file !== undefined) {
        throw new MockerError(
          "INVALID_ARGUMENT",
          `container ${this.vmName} takes no value of a secret ${name}`,
        );
      }
      checkValue(name, value);
    }
    for (const [name, value] of given) this.#values.set(name, value);
  }

  /**
   * `KEY=value` of all, for a start.
   * @throws SECRET_MISSING with the names of those that no client gave, or for a file that cannot be read
   */
  async load(): Promise<string[]> {
    const names = this.#variables
      .filter(({ name, file }) => file === undefined && !this.#values.has(name))
      .map(({ name }) => name);
    if (names.length > 0) throw missingValues(this.vmName, names);
    for (const { name, file } of this.#variables) {
      if (file !== undefined) this.#values.set(name, await readValue(name, file));
    }
    return this.#assignments();
  }

  /** Those of the running main process, for a process beside it; after an engine's end some are missing. */
  async known(): Promise<{ env: string[]; missing: string[] }> {
    for (const { name, file } of this.#variables) {
      if (file === undefined || this.#values.has(name)) continue;
      const value = await readValue(name, file).catch(() => undefined);
      if (value !== undefined) this.#values.set(name, value);
    }
    const missing = this.#variables.map(({ name }) => name).filter((name) => !this.#values.has(name));
    return { env: this.#assignments(), missing };
  }

  #assignments(): string[] {
    return this.#variables.flatMap(({ name }) => {
      const value = this.#values.get(name);
      return value === undefined ? [] : [`${name}=${value}`];
    });
  }
}

function missingValues(vmName: string, names: readonly string[]): MockerError {
  const [first = "", ...more] = names;
  const what = more.length === 0 ? `secret ${first} has` : `secrets ${names.join(", ")} have`;
  return new MockerError("SECRET_MISSING", `cannot start container ${vmName}: its ${what} no value`, {
    hint: `Secrets are not stored: set ${names.join(", ")} in the environment of the command that starts it, such as: export ${first}`,
    details: { names },
  });
}

/** Without the newline that editors and `echo` put at the end. @throws SECRET_MISSING */
async function readValue(name: string, path: string): Promise<string> {
  let value: string;
  try {
    value = await readSmallFile(path);
  } catch (error) {
    const reason = reasonOf(error);
    throw new MockerError("SECRET_MISSING", `secret ${name} cannot be read from ${path}: ${reason}`, {
      hint: "The engine reads the file at every start: it needs to be there, and yours to read.",
    });
  }
  checkValue(name, value);
  return value;
}

async function readSmallFile(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new Error("not a regular file");
    if (status.size > maxValueBytes) throw new Error(`longer than ${maxValueBytes} bytes`);
    const bytes = await file.readFile();
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\r?\n$/, "");
  } finally {
    await file.close();
  }
}

const reasons: Record<string, string> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EISDIR: "is a directory",
  ERR_ENCODING_INVALID_ENCODED_DATA: "not UTF-8",
};

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return reasons[code] ?? error.message;
}

function checkValue(name: string, value: string): void {
  if (value.includes("\0"))
    throw new MockerError("INVALID_ARGUMENT", `the value of secret ${name} holds a NUL byte`);
  if (Buffer.byteLength(name) + Buffer.byteLength(value) + 2 > maxValueBytes) {
    throw new MockerError("INVALID_ARGUMENT", `the value of secret ${name} is longer than Linux allows`);
  }
}
