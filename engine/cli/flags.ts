/**
 * Flags as Docker's command line takes them (pflag): `--name x`, `--name=x`, `-e x`, `-ex`, `-it`,
 * `--rm=false`, `--` ends them, and for `run` and its like so does the first argument. node's parseArgs cuts
 * the tokens; what they mean and how a mistake is worded is here.
 */
import { parseArgs } from "node:util";

/** Why a flag of Docker's has not Docker's effect here. */
export interface FlagSupport {
  /** `accepted` has no effect, as a VM makes it needless; `refused` ends the command. */
  readonly kind: "accepted" | "refused";
  /** Follows "--name has no effect: " or "--name is not supported: ". */
  readonly reason: string;
  /** What to do instead. */
  readonly hint?: string;
}

/** One flag of a command. `T` is what the command gets. */
export interface Flag<T> {
  readonly short: string | undefined;
  readonly isBoolean: boolean;
  /** Shown in the help between name and description: `list`, `string`, `int`; "" for booleans. */
  readonly valueName: string;
  readonly description: string;
  /** Not in the help: another name for one that is. */
  readonly isHidden?: boolean;
  /** Absent: it does what it does in Docker. */
  readonly support?: FlagSupport;
  /** Of a hidden flag: the one that takes its place. */
  readonly replacement?: string;
  /** Shown in the help; undefined for none. */
  readonly defaultText: string | undefined;
  readonly initial: T;
  /** Value after one more occurrence. Throws Error with the reason alone, in Docker's words. */
  readonly add: (previous: T, text: string) => T;
}

// biome-ignore lint/suspicious/noExplicitAny: a record of flags of different types; FlagValues recovers each one's.
export type Flags = Readonly<Record<string, Flag<any>>>;
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** A mistake in the use of flags: Docker prints it with the usage line and exits 125. */
export class FlagError extends Error {
  override readonly name = "FlagError";
}

function parseBoolean(text: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function parseInteger(text: string): number {
  if (!/^[+-]?(0x[0-9a-f]+|[0-9]+)$/i.test(text)) {
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  }
  return value;
}

export function booleanFlag(short: string | undefined, description: string, initial = false): Flag<boolean> {
  return {
    short,
    isBoolean: true,
    valueName: "",
    description,
    defaultText: initial ? "true" : undefined,
    initial,
    add: (_, text) => parseBoolean(text),
  };
}

/** A flag with a value of which the last one counts. `parse` throws Error with the reason alone. */
export function valueFlag<T>(
  short: string | undefined,
  valueName: string,
  description: string,
  parse: (text: string) => T,
  defaultText?: string,
): Flag<T | undefined> {
  return {
    short,
    isBoolean: false,
    valueName,
    description,
    defaultText,
    initial: undefined,
    add: (_, text) => parse(text),
  };
}

export function stringFlag(
  short: string | undefined,
  description: string,
  defaultText?: string,
): Flag<string | undefined> {
  return valueFlag(
    short,
    "string",
    description,
    (text) => text,
    defaultText === undefined ? undefined : JSON.stringify(defaultText),
  );
}

export function integerFlag(
  short: string | undefined,
  description: string,
  defaultText?: string,
): Flag<number | undefined> {
  return valueFlag(short, "int", description, parseInteger, defaultText);
}

/** A flag that may be given several times. `parse` throws Error with the reason alone. */
export function listFlag<T = string>(
  short: string | undefined,
  valueName: string,
  description: string,
  parse: (text: string) => T,
): Flag<readonly T[]> {
  return {
    short,
    isBoolean: false,
    valueName,
    description,
    defaultText: undefined,
    initial: [],
    add: (previous, text) => [...previous, parse(text)],
  };
}

export function textListFlag(short: string | undefined, description: string): Flag<readonly string[]> {
  return listFlag(short, "list", description, (text) => text);
}

/** A flag that Docker's users know and that has nothing to do here. `reason`: see {@link FlagSupport}. */
export function acceptedFlag<T>(flag: Flag<T>, reason: string): Flag<T> {
  return { ...flag, support: { kind: "accepted", reason } };
}

/**
 * A flag that Docker's users know and that cannot be had here. `reason` and `hint`: see {@link FlagSupport}.
 */
export function refusedFlag<T>(flag: Flag<T>, reason: string, hint: string): Flag<T> {
  return { ...flag, isHidden: true, support: { kind: "refused", reason, hint } };
}

/** A flag that Docker still takes, and says that another has its place. */
export function deprecatedFlag<T>(flag: Flag<T>, replacement: string): Flag<T> {
  return { ...flag, isHidden: true, replacement };
}

/** Whether the value of a flag that was given asks for anything: Docker's defaults do not. */
export function isAskedFor(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isAskedFor);
  return ![undefined, "", "0", 0, false].some((nothing) => nothing === value);
}

export interface ParsedFlags<F extends Flags> {
  values: FlagValues<F>;
  /** Names that were given. */
  given: ReadonlySet<string>;
  /** `--help` was given. */
  help: boolean;
  args: string[];
}

/** Names of a flag for messages: `-e, --env`. */
function flagTitle(name: string, short: string | undefined): string {
  return short === undefined ? `--${name}` : `-${short}, --${name}`;
}

/** `-H=false`, which parseArgs does not know, as `--human=false`. */
function longForm(text: string, flags: ReadonlyMap<string, Flags[string]>): string {
  const [, short, value] = /^-([A-Za-z])=(.*)$/s.exec(text) ?? [];
  for (const [name, flag] of flags)
    if (flag.isBoolean && flag.short !== undefined && flag.short === short) return `--${name}=${value}`;
  return text;
}

/**
 * Parses `argv`. Flags may stand among the arguments unless `stopAtFirstArgument`: then the first argument
 * and all that follows are arguments. Throws {@link FlagError}.
 */
export function parseFlags<F extends Flags>(
  argv: readonly string[],
  flags: F,
  stopAtFirstArgument: boolean,
): ParsedFlags<F> {
  const byName = new Map(Object.entries(flags));
  const { tokens } = parseArgs({
    args: argv.map((text) => longForm(text, byName)),
    options: Object.fromEntries(
      [...byName].map(([name, flag]) => [
        name,
        {
          type: flag.isBoolean ? ("boolean" as const) : ("string" as const),
          ...(flag.short === undefined ? {} : { short: flag.short }),
        },
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });

  const values = new Map<string, unknown>([...byName].map(([name, flag]) => [name, flag.initial]));
  const given = new Set<string>();
  const args: string[] = [];
  let help = false;
  let terminated = false;

  for (const token of tokens) {
    if (token.kind === "option-terminator") {
      terminated = true;
      continue;
    }
    if (token.kind === "positional") {
      if (stopAtFirstArgument || terminated) {
        args.push(...argv.slice(token.index));
        break;
      }
      args.push(token.value);
      continue;
    }
    const flag = byName.get(token.name);
    const isShort = !token.rawName.startsWith("--");
    if (flag === undefined) {
      if (token.name === "help" || (isShort && token.name === "h")) {
        help = true;
        continue;
      }
      if (!isShort) throw new FlagError(`unknown flag: --${token.name}`);
      const whole = argv[token.index] ?? "";
      const rest = whole.slice(Math.max(1, whole.indexOf(token.name, 1)));
      throw new FlagError(`unknown shorthand flag: '${token.name}' in -${rest}`);
    }
    let text = token.value;
    if (flag.isBoolean) {
      text ??= "true";
    } else if (text === undefined) {
      throw new FlagError(
        isShort
          ? `flag needs an argument: '${flag.short}' in -${flag.short}`
          : `flag needs an argument: --${token.name}`,
      );
    } else if (isShort && token.inlineValue && text.startsWith("=")) {
      text = text.slice(1);
    }
    try {
      values.set(token.name, flag.add(values.get(token.name), text));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new FlagError(
        `invalid argument ${JSON.stringify(text)} for "${flagTitle(token.name, flag.short)}" flag: ${reason}`,
      );
    }
    given.add(token.name);
  }
  return { values: Object.fromEntries(values) as FlagValues<F>, given, help, args };
}

/** Columns that the last line may have more, so that no short word stands alone on another (as in pflag). */
const grace = 5;

/** Cuts one line of at most `width` columns off `text`. */
function cutLine(text: string, width: number): [line: string, rest: string] {
  const newline = text.indexOf("\n");
  if (newline >= 0 && newline <= width) return [text.slice(0, newline), text.slice(newline + 1)];
  if (width + grace > text.length) return [text, ""];
  const space = text.slice(0, width).lastIndexOf(" ");
  if (space <= 0) return [text, ""];
  return [text.slice(0, space), text.slice(space + 1)];
}

/** The help's list of flags, wrapped for a terminal of `columns`. */
export function describeFlags(flags: Flags, columns: number): string {
  const rows = Object.entries(flags)
    .filter(([, flag]) => !flag.isHidden)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => {
      const left = `${flag.short === undefined ? "      " : `  -${flag.short}, `}--${name}${flag.valueName === "" ? "" : ` ${flag.valueName}`}`;
      const right = `${flag.description}${flag.defaultText === undefined ? "" : ` (default ${flag.defaultText})`}`;
      return { left, right };
    });
  const indent = Math.max(...rows.map((row) => row.left.length)) + 3;
  const width = Math.max(24, columns - 1 - indent) - grace;
  const lines: string[] = [];
  for (const { left, right } of rows) {
    let [line, rest] = cutLine(right, width);
    lines.push(`${left.padEnd(indent)}${line}`.trimEnd());
    while (rest !== "") {
      [line, rest] = cutLine(rest, width);
      lines.push(`${" ".repeat(indent)}${line}`.trimEnd());
    }
  }
  return lines.join("\n");
}
