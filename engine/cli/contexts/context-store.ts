/** `contexts.json`: names for engines, and which one is used where none is named. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { writeJsonFile } from "../../common/json-file.ts";
import { makeDirectory } from "../../common/make-directory.ts";
import { configDir } from "../../common/paths.ts";
import { MockerError } from "../../protocol/index.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The context that is always there: this user's own engine. */
export const defaultContext = "default";

export interface Context {
  readonly name: string;
  readonly description: string;
  /** See client/endpoint.ts. */
  readonly host: string;
}

interface Contents {
  readonly version: 1;
  /** Absent: `default`. */
  readonly current?: string;
  readonly contexts: readonly Context[];
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

const none: Contents = { version: 1, contexts: [] };

function isContents(value: unknown): value is Contents {
  const isContext = (item: unknown): boolean =>
    typeof item === "object" &&
    item !== null &&
    ["name", "description", "host"].every(
      (key) => key in item && typeof Object.getOwnPropertyDescriptor(item, key)?.value === "string",
    );
  if (typeof value !== "object" || value === null || !("version" in value && value.version === 1))
    return false;
  const isNamed = !("current" in value) || typeof value.current === "string";
  return isNamed && "contexts" in value && Array.isArray(value.contexts) && value.contexts.every(isContext);
}

export class ContextStore {
  readonly path: string;
  readonly #directory: string;

  /** In $MOCKER_CONFIG, which `--config` sets, or the user's configuration. */
  constructor(env: Environment) {
    this.#directory = env.MOCKER_CONFIG ? resolve(env.MOCKER_CONFIG) : configDir(env);
    this.path = join(this.#directory, "contexts.json");
  }

  /** In the order of names. Throws MockerError. */
  list(): Context[] {
    return [...this.#read().contexts].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Throws MockerError. */
  get(name: string): Context {
    const found = this.#read().contexts.find((context) => context.name === name);
    if (found) return found;
    throw new MockerError("INVALID_ARGUMENT", `context "${name}" not found`, {
      hint: "See: mocker context ls",
    });
  }

  /** The context that is used where none is named. Throws MockerError. */
  get current(): string {
    return this.#read().current ?? defaultContext;
  }

  /** Throws MockerError. */
  use(name: string): void {
    if (name !== defaultContext) this.get(name);
    const { contexts } = this.#read();
    this.#write({ version: 1, ...(name === defaultContext ? {} : { current: name }), contexts });
  }

  /** Throws MockerError, for a name in Docker's words. */
  add(context: Context): void {
    const { name } = context;
    const pattern = "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$";
    if (name === defaultContext)
      throw new MockerError("INVALID_ARGUMENT", '"default" is a reserved context name');
    if (!new RegExp(pattern).test(name)) {
      const message = `context name "${name}" is invalid, names are validated against regexp "${pattern}"`;
      throw new MockerError("INVALID_ARGUMENT", message);
    }
    const contents = this.#read();
    if (contents.contexts.some((known) => known.name === name))
      throw new MockerError("INVALID_ARGUMENT", `context "${name}" already exists`);
    this.#write({ ...contents, contexts: [...contents.contexts, context] });
  }

  /** Throws MockerError. */
  remove(name: string): void {
    const { current, contexts } = this.#read();
    this.#write({
      version: 1,
      ...(current === undefined || current === name ? {} : { current }),
      contexts: contexts.filter((context) => context.name !== name),
    });
  }

  #read(): Contents {
    let text: string;
    try {
      text = readFileSync(this.path, "utf8");
    } catch (error) {
      // A home that is not this user's, as after `su`, has no contexts of his.
      if (["ENOENT", "ENOTDIR", "EACCES"].includes(errorCode(error))) return none;
      throw new MockerError("STATE_CORRUPT", `${this.path} cannot be read: ${errorCode(error)}`);
    }
    try {
      const value: unknown = JSON.parse(text);
      if (isContents(value)) return value;
    } catch {
      // It is said below.
    }
    throw new MockerError("STATE_CORRUPT", `${this.path} is damaged`, {
      hint: "Restore it from a backup, or remove it and create the contexts anew: mocker context create",
    });
  }

  #write(contents: Contents): void {
    makeDirectory(this.#directory);
    writeJsonFile(this.path, contents);
  }
}
