/** What the last word of a command line can become, from the definitions of the commands. */
import type { Command } from "../command.ts";
import { type Found, groups, type VerbGroup, verbs } from "../command-table.ts";
import type { Flag, Flags } from "../flags.ts";
import { globalFlags } from "../global-flags.ts";
import type { Candidate, Names } from "./names.ts";
import { argumentSource, flagSource, type Source, type Values } from "./values.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What stands before the last word of a command line, as far as flags go. */
interface Scan {
  /** Arguments before the last word. */
  readonly args: readonly string[];
  /** Names of the flags that were given. */
  readonly given: ReadonlySet<string>;
  /** The flag whose value the last word is. */
  readonly pending: string | undefined;
  /** The last word cannot be a flag. */
  readonly isPastFlags: boolean;
}

/** Reads words as `parseFlags` does, but takes mistakes as they come. */
function scan(words: readonly string[], flags: Flags, stopAtFirstArgument: boolean): Scan {
  const args: string[] = [];
  const given = new Set<string>();
  const byShort = new Map(Object.entries(flags).map(([name, { short }]) => [short, name]));
  let pending: string | undefined;
  let isPastFlags = false;
  for (const word of words) {
    if (pending !== undefined) pending = undefined;
    else if (isPastFlags || !/^-./s.test(word)) {
      args.push(word);
      isPastFlags ||= stopAtFirstArgument;
    } else if (word === "--") isPastFlags = true;
    else if (word.startsWith("--")) {
      const [name = "", value] = word.slice(2).split("=", 2);
      given.add(name);
      if (value === undefined && flags[name]?.isBoolean === false) pending = name;
    } else {
      for (const [index, letter] of [...word].entries()) {
        const name = byShort.get(letter);
        if (index === 0 || name === undefined) continue;
        given.add(name);
        if (flags[name]?.isBoolean !== false) continue;
        // `-e A=1` and `-eA=1`.
        if (index === word.length - 1) pending = name;
        break;
      }
    }
  }
  return { args, given, pending, isPastFlags };
}

async function summaries(group: VerbGroup): Promise<Candidate[]> {
  const loaded = await Promise.all(
    [...group.listed].map(async ([text, load]) => ({ text, command: await load() })),
  );
  return loaded
    .filter(({ command }) => command.isHidden !== true)
    .map(({ text, command }) => ({ text, description: command.summary }));
}

function flagNames(flags: Flags, given: ReadonlySet<string>, partial: string): Candidate[] {
  const isWanted = ([name, flag]: [string, Flag<unknown>]): boolean =>
    !flag.isHidden && (!given.has(name) || Array.isArray(flag.initial));
  const wanted = Object.entries(flags).filter(isWanted);
  const short = partial === "-" ? wanted.filter(([, flag]) => flag.short !== undefined) : [];
  return [
    ...wanted.map(([name, { description }]) => ({ text: `--${name}`, description })),
    ...short.map(([, flag]) => ({ text: `-${flag.short}`, description: flag.description })),
    { text: "--help", description: "Print usage" },
  ];
}

export class Completer {
  readonly #names: Names;
  readonly #env: Environment;

  constructor(names: Names, env: Environment) {
    this.#names = names;
    this.#env = env;
  }

  /**
   * Candidates that begin with `partial`, sorted.
   * @param words the words after `mocker`, before the last one
   * @param partial the last one
   */
  async complete(words: readonly string[], partial: string): Promise<Values> {
    const { candidates, otherwise } = await this.#all(words, partial);
    const fitting = candidates
      .filter(({ text }) => text.startsWith(partial))
      .sort((a, b) => (a.text < b.text ? -1 : 1));
    return { candidates: fitting, ...(otherwise === undefined ? {} : { otherwise }) };
  }

  async #all(words: readonly string[], partial: string): Promise<Values> {
    const global = scan(words, globalFlags, true);
    if (global.pending !== undefined) return this.#from(flagSource(global.pending));
    const isHelp = global.args[0] === "help";
    const [verb, ...rest] = global.args.slice(isHelp ? 1 : 0);
    if (verb === undefined) {
      if (partial.startsWith("-") && !isHelp) return this.#flagOrValue(globalFlags, global, partial);
      const groupNames = [...groups].map(([text, { summary }]) => ({ text, description: summary }));
      return { candidates: [...groupNames, ...(await summaries(verbs))] };
    }
    const group = groups.get(verb);
    if (group === undefined) return this.#ofCommand(verbs.find(verb), rest, partial);
    const [name, ...args] = rest;
    if (name === undefined) return { candidates: await summaries(group) };
    return this.#ofCommand(group.find(name), args, partial);
  }

  async #ofCommand(found: Found | undefined, words: readonly string[], partial: string): Promise<Values> {
    if (found === undefined) return { candidates: [] };
    const command: Command = await found.load();
    const { flags, usage } = command;
    const scanned = scan(words, flags, command.stopAtFirstArgument === true);
    if (scanned.pending !== undefined) return this.#from(flagSource(scanned.pending), scanned.args);
    if (partial.startsWith("-") && !scanned.isPastFlags) return this.#flagOrValue(flags, scanned, partial);
    const { args } = scanned;
    if (args.length >= command.arguments.max) return { candidates: [] };
    const { candidates, otherwise } = await this.#from(
      argumentSource(found.calls[0] ?? "", usage, args.length),
      args,
    );
    // `rm a b a` is a mistake, `cp a:x a:y` is none.
    const left = candidates.filter(({ text }) => !args.includes(text));
    return { candidates: left, ...(otherwise === undefined ? {} : { otherwise }) };
  }

  /** A word that begins with a dash: `--na`, or `--name=va` and `-nva` with the value in it. */
  async #flagOrValue(flags: Flags, { given, args }: Scan, partial: string): Promise<Values> {
    const long = /^--([^=]+)=/.exec(partial);
    const short = Object.entries(flags).find(
      ([, flag]) => flag.short !== undefined && !flag.isBoolean && partial.startsWith(`-${flag.short}`),
    );
    const [before, name] =
      long !== null
        ? [long[0], long[1]]
        : short !== undefined && partial.length > 2
          ? [partial.slice(0, 2), short[0]]
          : [];
    if (before === undefined || name === undefined) return { candidates: flagNames(flags, given, partial) };
    const { candidates, otherwise } = await this.#from(flagSource(name), args);
    const whole = candidates.map((candidate) => ({ ...candidate, text: `${before}${candidate.text}` }));
    return { candidates: whole, ...(otherwise === undefined ? {} : { otherwise }) };
  }

  async #from(source: Source | undefined, args: readonly string[] = []): Promise<Values> {
    return (await source?.(this.#names, this.#env, args)) ?? { candidates: [] };
  }
}
