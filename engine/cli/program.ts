/** `main`: finds the command, parses its flags, runs it, and words every failure. */

import type { EngineClient } from "../client/engine-client.ts";
import { argumentsMistake, type Command, CommandFailure, commandHelp, usageLine } from "./command.ts";
import { commonVerbs, groups, type Loader, type VerbGroup, verbs } from "./command-table.ts";
import { describeError } from "./errors.ts";
import { describeFlags, FlagError, type Flags, isAskedFor, parseFlags } from "./flags.ts";
import { globalFlags, globalVariables, isLogLevel } from "./global-flags.ts";
import { type Io, withEnvironment } from "./io.ts";
import { refusal } from "./refused-verbs.ts";
import { clientVersion } from "./version.ts";

const program = "mocker";
const tagline = "Docker for microVMs: every container is a virtual machine of its own";

/** The status of wrong flags, of whatever command. */
const flagErrorCode = 125;

function columns(io: Io): number {
  return io.stdout.columns || 80;
}

async function summaries(commands: readonly (readonly [name: string, load: Loader])[]): Promise<string> {
  const loaded = await Promise.all(commands.map(async ([name, load]) => ({ name, command: await load() })));
  const shown = loaded
    .filter(({ command }) => command.isHidden !== true)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const width = Math.max(...shown.map(({ name }) => name.length), 11);
  return shown.map(({ name, command }) => `  ${name.padEnd(width)} ${command.summary}`).join("\n");
}

async function programHelp(io: Io): Promise<string> {
  const all = [...verbs.listed];
  const groupLines = [...groups].map(([name, group]) => `  ${name.padEnd(11)} ${group.summary}`).join("\n");
  return [
    usageLine(program, "[OPTIONS] COMMAND"),
    tagline,
    `Common Commands:\n${await summaries(all.filter(([name]) => commonVerbs.has(name)))}`,
    `Management Commands:\n${groupLines}`,
    `Commands:\n${await summaries(all.filter(([name]) => !commonVerbs.has(name)))}`,
    `Global Options:\n${describeFlags(globalFlags, columns(io))}`,
    `Run '${program} COMMAND --help' for more information on a command.\n`,
  ].join("\n\n");
}

async function groupHelp(name: string, group: VerbGroup): Promise<string> {
  return [
    usageLine(`${program} ${name}`, "COMMAND"),
    group.summary,
    `Commands:\n${await summaries([...group.listed])}`,
    `Run '${program} ${name} COMMAND --help' for more information on a command.\n`,
  ].join("\n\n");
}

/**
 * Says which of the flags that were given have no effect, if `debug` is to be told.
 * @throws CommandFailure for one that is not supported
 */
function tellSupport(
  flags: Flags,
  { values, given }: { values: Readonly<Record<string, unknown>>; given: ReadonlySet<string> },
  path: string,
  debug: Io | undefined,
): void {
  for (const [name, { support }] of Object.entries(flags)) {
    if (!support || !given.has(name) || !isAskedFor(values[name])) continue;
    const { kind, reason, hint } = support;
    if (kind === "refused") {
      const advice = hint === undefined ? "" : `\nhint: ${hint}`;
      const help = `Run '${path} --help' for more information`;
      throw new CommandFailure(
        `${program}: --${name} is not supported: ${reason}${advice}\n\n${help}`,
        flagErrorCode,
      );
    }
    debug?.stderr.write(`DEBUG: --${name} has no effect: ${reason}\n`);
  }
}

/** @param calls all ways to call the command */
async function runCommand(
  command: Command,
  path: string,
  calls: readonly string[],
  argv: readonly string[],
  io: Io,
  debug: boolean,
): Promise<number> {
  const { values, given, help, args } = parseFlags(argv, command.flags, command.stopAtFirstArgument === true);
  if (help) {
    io.stdout.write(commandHelp(command, path, calls, columns(io)));
    return 0;
  }
  const mistake = argumentsMistake(command, path, args.length);
  if (mistake !== undefined) throw new CommandFailure(mistake);
  for (const name of given) {
    const replacement = command.flags[name]?.replacement;
    if (replacement !== undefined)
      io.stderr.write(`Flag --${name} has been deprecated, use --${replacement} instead\n`);
  }
  tellSupport(command.flags, { values, given }, path, debug ? io : undefined);
  let engine: Promise<EngineClient> | undefined;
  try {
    return await command.run({
      flags: values,
      given,
      args,
      io,
      path,
      connect(withheld = []) {
        const engineEnv = { ...io.env };
        for (const name of withheld) delete engineEnv[name];
        engine ??= import("./connect.ts").then(({ connect }) => connect(io.env, { engineEnv }));
        return engine;
      },
    });
  } finally {
    const connected = await engine?.catch(() => undefined);
    connected?.close();
  }
}

/** Runs the command that `argv` names. */
async function dispatch(argv: readonly string[], processIo: Io): Promise<number> {
  let io = processIo;
  let path = program;
  let usage = "[OPTIONS] COMMAND [ARG...]";
  let debug = false;
  try {
    const global = parseFlags(argv, globalFlags, true);
    debug = global.values.debug || global.values["log-level"] === "debug";
    tellSupport(globalFlags, global, program, debug ? io : undefined);
    const { "log-level": logLevel = "info" } = global.values;
    if (!isLogLevel(logLevel)) throw new CommandFailure(`Unable to parse logging level: ${logLevel}`);
    io = withEnvironment(io, globalVariables(global.values, io.cwd));
    if (global.values.version) {
      io.stdout.write(`Mocker version ${clientVersion}\n`);
      return 0;
    }
    let [verb, ...rest] = global.args;
    if (verb === "help") {
      // `help run` is `run --help`, and `help image ls` is `image ls --help`.
      [verb] = rest;
      if (
        verb !== undefined &&
        verbs.find(verb) === undefined &&
        !groups.has(verb) &&
        refusal(rest) === undefined
      ) {
        throw new CommandFailure(`unknown help topic: ${rest.join(" ")}`);
      }
      rest = [...rest.slice(1), "--help"];
    }
    if (verb === undefined || global.help) {
      // As in Docker: who has asked for it may want to read it through a pipe.
      const isAsked = global.help || global.args.length > 0;
      (isAsked ? io.stdout : io.stderr).write(await programHelp(io));
      return 0;
    }
    const refused = refusal([verb, ...rest]);
    if (refused !== undefined) throw new CommandFailure(refused);
    const group = groups.get(verb);
    if (group !== undefined) {
      path = `${program} ${verb}`;
      usage = "";
      const parsed = parseFlags(rest, {}, true);
      const [name, ...args] = parsed.args;
      if (name === undefined || parsed.help) {
        (parsed.help ? io.stdout : io.stderr).write(await groupHelp(verb, group));
        return 0;
      }
      const found = group.find(name);
      if (found === undefined) throw new CommandFailure(unknownCommand(`${path} ${name}`, path));
      const command = await found.load();
      path = `${path} ${found.name}`;
      usage = command.usage;
      return await runCommand(command, path, found.calls, args, io, debug);
    }
    const found = verbs.find(verb);
    if (found === undefined) throw new CommandFailure(unknownCommand(`${program} ${verb}`, undefined));
    const command = await found.load();
    path = `${program} ${verb}`;
    usage = command.usage;
    return await runCommand(command, path, found.calls, rest, io, debug);
  } catch (error) {
    if (error instanceof FlagError) {
      const line = usageLine(path, usage);
      io.stderr.write(`${error.message}\n\n${line}\n\nRun '${path} --help' for more information\n`);
      return flagErrorCode;
    }
    if (error instanceof CommandFailure) {
      if (error.message !== "") io.stderr.write(`${error.message}\n`);
      return error.exitCode;
    }
    io.stderr.write(`${describeError(error)}\n`);
    if (debug && error instanceof Error) {
      for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
        io.stderr.write(`${cause.stack}\n`);
      }
    }
    return 1;
  }
}

/** Docker's two texts: one names the group's usage. */
function unknownCommand(called: string, group: string | undefined): string {
  const usage = group === undefined ? "" : `${usageLine(group, "")}\n\n`;
  return `${program}: unknown command: ${called}\n\n${usage}Run '${group ?? program} --help' for more information`;
}

/**
 * Runs the command line `argv` (without node and script) and resolves to its exit status; never rejects, and
 * prints its own errors. All that it needs of the process is in `io`.
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const [verb, ...rest] = argv;
  if (verb === "__complete") return (await import("./completion/complete.ts")).complete(rest, io);
  return dispatch(argv, io);
}
