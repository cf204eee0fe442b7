/** `mocker __complete`: what the scripts of `mocker completion` ask at each press of Tab. */
import { setTimeout as sleep } from "node:timers/promises";
import { parseFlags } from "../flags.ts";
import { globalFlags, globalVariables } from "../global-flags.ts";
import type { Io } from "../io.ts";
import { bashReplacement, readBashLine } from "./bash-line.ts";
import { Completer } from "./completer.ts";
import { type Candidate, EngineNames } from "./names.ts";
import type { Values } from "./values.ts";

/** Who waits at a prompt rather has nothing. */
const limitMs = 900;

/**
 * Prints one line that says what the shell is to do, and one for each candidate: its text, and after a tab
 * its description, but for bash. The line is `space` or `nospace`, for what comes after the word, or `files`
 * or `directories`, which the shell is to offer. Never rejects, prints no errors, starts no engine.
 * @param argv `zsh WORD...` or `fish WORD...`, the last of which is to be completed, or
 * `bash $COMP_TYPE $COMP_WORDBREAKS $COLUMNS LINE`
 */
export async function complete(argv: readonly string[], io: Io): Promise<number> {
  const limit = new AbortController();
  let names: EngineNames | undefined;
  try {
    const line = commandLineOf(argv);
    const env = { ...io.env, ...variablesOf(line.words, io.cwd) };
    names = new EngineNames(env, limitMs);
    const lines = await Promise.race([
      answer(line, new Completer(names, env)),
      sleep(limitMs, [], { signal: limit.signal }),
    ]);
    if (lines.length > 0) io.stdout.write(`${lines.join("\n")}\n`);
  } catch {
    // Nobody at a prompt wants to read of it.
  } finally {
    limit.abort();
    names?.close();
  }
  return 0;
}

interface CommandLine {
  /** Between `mocker` and the last word. */
  readonly words: readonly string[];
  /** The last word. */
  readonly partial: string;
  /** The lines for candidates. */
  print(candidates: readonly Candidate[]): string[];
}

function commandLineOf([shell, ...argv]: readonly string[]): CommandLine {
  if (shell === "bash") return bashCommandLine(argv);
  const last = argv.at(-1) ?? "";
  return {
    words: argv.slice(0, -1),
    // fish gives it as it was typed.
    partial: shell === "fish" ? readBashLine(last, "").partial : last,
    print: (candidates) =>
      candidates.map(({ text, description }) =>
        description === undefined ? text : `${text}\t${description.replaceAll(/\s+/g, " ")}`,
      ),
  };
}

function bashCommandLine([type, breaks = "", columns, text = ""]: readonly string[]): CommandLine {
  const line = readBashLine(text, breaks);
  return {
    words: line.words.slice(1),
    partial: line.partial,
    print(candidates) {
      const replacements = candidates.map((candidate) => bashReplacement(candidate.text, line));
      // 63, a question mark: it lists them, and what it lists it does not insert.
      return type === "63" && replacements.length > 1
        ? described(replacements, candidates, Number(columns) || 80)
        : replacements;
    },
  };
}

/** Of flags that say which engine is meant. */
function variablesOf(words: readonly string[], cwd: string): Record<string, string | undefined> {
  try {
    return globalVariables(parseFlags(words, globalFlags, true).values, cwd);
  } catch {
    return {};
  }
}

async function answer({ words, partial, print }: CommandLine, completer: Completer): Promise<string[]> {
  const values = await completer.complete(words, partial);
  return [directive(values), ...print(values.candidates)];
}

function directive({ candidates, otherwise }: Values): string {
  if (candidates.length === 0 && otherwise !== undefined) return otherwise;
  return candidates.length > 0 && candidates.every(({ text }) => /[:=,/]$/.test(text)) ? "nospace" : "space";
}

function described(texts: readonly string[], candidates: readonly Candidate[], columns: number): string[] {
  const width = Math.max(...texts.map((text) => text.length));
  return texts.map((text, index) => {
    const { description } = candidates[index] ?? {};
    const line = `${text.padEnd(width)}  ${description === undefined ? "" : `(${description})`}`.trimEnd();
    return line.length < columns ? line : `${line.slice(0, columns - 2).trimEnd()}…`;
  });
}
