/** `mocker __complete`: what the scripts of `mocker completion` ask at each press of Tab. */
import { setTimeout as sleep } from "node:timers/promises";
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
  const names = new EngineNames(io.env, limitMs);
  const limit = new AbortController();
  try {
    const lines = await Promise.race([
      answer(argv, new Completer(names, io.env)),
      sleep(limitMs, [], { signal: limit.signal }),
    ]);
    if (lines.length > 0) io.stdout.write(`${lines.join("\n")}\n`);
  } catch {
    // Nobody at a prompt wants to read of it.
  } finally {
    limit.abort();
    names.close();
  }
  return 0;
}

async function answer([shell, ...argv]: readonly string[], completer: Completer): Promise<string[]> {
  if (shell === "bash") return await answerBash(argv, completer);
  const words = argv.slice(0, -1);
  // fish gives it as it was typed.
  const partial = shell === "fish" ? readBashLine(argv.at(-1) ?? "", "").partial : (argv.at(-1) ?? "");
  const values = await completer.complete(words, partial);
  const line = ({ text, description }: Candidate): string =>
    description === undefined ? text : `${text}\t${description.replaceAll(/\s+/g, " ")}`;
  return [directive(values), ...values.candidates.map(line)];
}

async function answerBash(argv: readonly string[], completer: Completer): Promise<string[]> {
  const [type, breaks = "", columns, text = ""] = argv;
  const line = readBashLine(text, breaks);
  const values = await completer.complete(line.words.slice(1), line.partial);
  const replacements = values.candidates.map((candidate) => bashReplacement(candidate.text, line));
  // 63, a question mark: it lists them, and what it lists it does not insert.
  const lines =
    type === "63" && replacements.length > 1
      ? described(replacements, values.candidates, Number(columns) || 80)
      : replacements;
  return [directive(values), ...lines];
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
