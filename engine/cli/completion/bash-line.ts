/**
 * A command line as bash hands it to a completion: text, which it has cut at $COMP_WORDBREAKS for its own use
 * (bash(1), "Programmable Completion"), so that `alpine:3.19` is three of its words.
 */

export interface BashLine {
  /** All words before the last, without quotes. */
  readonly words: readonly string[];
  /** The last word, which the cursor is at the end of, without quotes; often "". */
  readonly partial: string;
  /** The beginning of `partial` that bash keeps: what it replaces comes after it. */
  readonly kept: string;
  /** The quote that is still open. */
  readonly quote: "" | "'" | '"';
}

/** Reads a command line up to the cursor. `breaks` is $COMP_WORDBREAKS. */
export function readBashLine(line: string, breaks: string): BashLine {
  const words: string[] = [];
  let word: string | undefined;
  let keptLength = 0;
  let quote: BashLine["quote"] = "";
  for (let index = 0; index < line.length; index++) {
    const character = line.charAt(index);
    const next = line.charAt(index + 1);
    if (quote === "'") {
      if (character === "'") quote = "";
      else word += character;
    } else if (character === "\\" && (quote === "" || /["\\$`]/.test(next))) {
      word = (word ?? "") + next;
      index += 1;
    } else if (quote === '"') {
      if (character === '"') quote = "";
      else word += character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
      keptLength = word.length;
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      keptLength = 0;
    } else {
      word = (word ?? "") + character;
      if (breaks.includes(character)) keptLength = word.length;
    }
  }
  const partial = word ?? "";
  return { words, partial, kept: partial.slice(0, keptLength), quote };
}

/** What bash is to put in place of the last word, or of its part, so that the word becomes `candidate`. */
export function bashReplacement(candidate: string, { kept, quote }: BashLine): string {
  const rest = candidate.slice(kept.length);
  if (quote === "'") return rest.replaceAll("'", `'\\''`);
  return rest.replace(quote === '"' ? /["\\$`]/g : /[\s"'\\$`&|;<>()*?[\]{}!#~]/g, "\\$&");
}
