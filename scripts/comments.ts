/** What comments are wrapped at, as biome and clang-format wrap code. */
export const commentColumns = 110;

const tool = /^(biome-ignore|eslint-|@ts-|NOLINT|clang-format)/;
const listItem = /^([-*]|\d+\.) /;

/** One line of a comment: what stands before its text, the text, and whether the comment ends here. */
interface CommentLine {
  prefix: string;
  text: string;
  /** A comment of one line: `/** text *\/`. */
  whole: boolean;
}

function parse(line: string): CommentLine | undefined {
  const whole = /^(\s*\/\*\*? )(.*\S) ?\*\/$/.exec(line);
  if (whole) return { prefix: whole[1] ?? "", text: whole[2] ?? "", whole: true };
  const part = /^(\s*(?:\/\/[/!]?|\*) )(.*)$/.exec(line);
  if (part === null || part[2]?.endsWith("*/")) return undefined;
  return { prefix: part[1] ?? "", text: part[2] ?? "", whole: false };
}

function isTooWide(line: string): boolean {
  return [...line].length > commentColumns;
}

/**
 * Numbers, from 1, of the lines whose comment is wider than it may be. What cannot be wrapped is exempt: one
 * word.
 */
export function wideComments(source: string): number[] {
  return source.split("\n").flatMap((line, index) => {
    if (!isTooWide(line)) return [];
    const comment = parse(line);
    const text = comment?.text ?? /^\s*\/?\*+ (.*)$/.exec(line)?.[1] ?? behindCode(line);
    return text?.includes(" ") && !tool.test(text) ? [index + 1] : [];
  });
}

/** The comment behind code, unless its `//` stands in a string. */
function behindCode(line: string): string | undefined {
  const at = line.lastIndexOf(" // ");
  const before = line.slice(0, Math.max(at, 0));
  const isInString = ['"', "'", "`"].some((quote) => (before.split(quote).length - 1) % 2 === 1);
  return at === -1 || isInString ? undefined : line.slice(at + 4);
}

/**
 * Wraps what is too wide, from the wide line to the end of its paragraph. Comments after code and indented
 * text, such as tables, stay as they are.
 */
export function wrapComments(source: string): string {
  const lines = source.split("\n");
  const result: string[] = [];
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? "";
    const comment = isTooWide(line) ? parse(line) : undefined;
    if (comment === undefined || tool.test(comment.text) || !/^\S.* /.test(comment.text)) {
      result.push(line);
      continue;
    }
    const { prefix, text, whole } = comment;
    if (whole) {
      const indent = /^\s*/.exec(prefix)?.[0] ?? "";
      const paragraphs = text.split(/ (?=@(?:type|param|returns) )/);
      result.push(prefix.trimEnd());
      for (const paragraph of paragraphs) result.push(...wrapped(paragraph, `${indent} * `, `${indent} * `));
      result.push(`${indent} */`);
      continue;
    }
    const hanging = prefix + " ".repeat(listItem.exec(text)?.[0].length ?? 0);
    let paragraph = text;
    for (;;) {
      const next = parse(lines[index + 1] ?? "");
      const rest = next && `${next.prefix}${next.text}`.startsWith(hanging) && !next.whole;
      const words = rest ? `${next.prefix}${next.text}`.slice(hanging.length) : "";
      if (!/^[^\s@|<>]/.test(words) || listItem.test(words)) break;
      paragraph += ` ${words}`;
      index++;
    }
    result.push(...wrapped(paragraph, prefix, hanging));
  }
  return result.join("\n");
}

/** Words, with what belongs together: a link, code in backquotes, a tag and what it is about. */
function wordsOf(text: string): string[] {
  return text.match(/(?:\{@[^}]*\}|`[^`]{1,60}`|@\w+ \S+|\S)+/g) ?? [];
}

function wrapped(text: string, first: string, others: string): string[] {
  const lines: string[] = [];
  let line = first.trimEnd();
  let isEmpty = true;
  for (const word of wordsOf(text)) {
    const start = lines.length === 0 ? first : others;
    const longer = isEmpty ? `${start}${word}` : `${line} ${word}`;
    if (!isEmpty && isTooWide(longer)) {
      lines.push(line);
      line = `${others}${word}`;
    } else {
      line = longer;
    }
    isEmpty = false;
  }
  return [...lines, line];
}
