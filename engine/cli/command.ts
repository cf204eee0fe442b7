/**
 * Commands as data: what the parser, the help and the dispatcher need to know of one, and the function that
 * runs it.
 */
import type { EngineClient } from "../client/engine-client.ts";
import { describeFlags, type Flags, type FlagValues } from "./flags.ts";
import type { Io } from "./io.ts";

export interface CommandContext<F extends Flags> {
  readonly flags: FlagValues<F>;
  /** Names of the flags that were given. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
  readonly io: Io;
  /** The command as it was called: `mocker ps`, `mocker container ls`. */
  readonly path: string;
  /**
   * Connects to the engine, starting it if need be; one connection per command. `withheld`: variables that an
   * engine which is started does not inherit, and so none of its processes.
   */
  connect(withheld?: readonly string[]): Promise<EngineClient>;
}

export interface CommandSpec<F extends Flags> {
  /** One line, for the list of commands. */
  readonly summary: string;
  /** For the help page, where it says more than the summary. */
  readonly description?: string;
  /** What follows the command in the usage line: `[OPTIONS] IMAGE [COMMAND] [ARG...]`. */
  readonly usage: string;
  /** `isRange`: a mistake names both ends, as of few of Docker's commands. */
  readonly arguments: { readonly min: number; readonly max: number; readonly isRange?: true };
  readonly flags: F;
  /** Not in lists of commands: programs call it. */
  readonly isHidden?: boolean;
  /** The first argument ends the flags: the rest is a command line of its own. */
  readonly stopAtFirstArgument?: boolean;
  /** Resolves to the exit status; throws for a failure. */
  run(context: CommandContext<F>): Promise<number>;
}

// biome-ignore lint/suspicious/noExplicitAny: the dispatcher handles commands of any flags.
export type Command = CommandSpec<any>;

/** Types `run`'s flags by the flags that are declared. */
export function defineCommand<const F extends Flags>(spec: CommandSpec<F>): CommandSpec<F> {
  return spec;
}

/** Ends a command with a message in its own wording and status. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exitCode: number;

  /** `message` is printed as it is; "" prints nothing. */
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The usage line. */
export function usageLine(path: string, usage: string): string {
  return `Usage:  ${path}${usage === "" ? "" : ` ${usage}`}`;
}

/** Docker's message for a wrong number of arguments, undefined if it is right. */
export function argumentsMistake(command: Command, path: string, count: number): string | undefined {
  const { min, max, isRange } = command.arguments;
  if (count >= min && count <= max) return undefined;
  const plural = (n: number): string => (n === 1 ? "argument" : "arguments");
  const rule =
    max === 0
      ? "accepts no arguments"
      : min === max
        ? `requires ${min} ${plural(min)}`
        : isRange
          ? `requires at least ${min} and at most ${max} ${plural(max)}`
          : count < min
            ? `requires at least ${min} ${plural(min)}`
            : `requires at most ${max} ${plural(max)}`;
  // "See", not "Run": Docker's own inconsistency; scripts and eyes know it.
  const verb = /^requires at least \d+ arguments?$/.test(rule) ? "See" : "Run";
  return `mocker: '${path}' ${rule}\n\n${usageLine(path, command.usage)}\n\n${verb} '${path} --help' for more information`;
}

/** The help page; `calls` are the ways to call the command, without `mocker`. */
export function commandHelp(
  command: Command,
  path: string,
  calls: readonly string[],
  columns: number,
): string {
  const parts = [usageLine(path, command.usage), command.description ?? command.summary];
  if (calls.length > 1) parts.push(`Aliases:\n  ${calls.map((call) => `mocker ${call}`).join(", ")}`);
  if (Object.keys(command.flags).length > 0) {
    parts.push(`Options:\n${describeFlags(command.flags, columns)}`);
  }
  return `${parts.join("\n\n")}\n`;
}
