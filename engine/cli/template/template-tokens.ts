import { TemplateError } from "./template-error.ts";
import { quote } from "./template-values.ts";

export type Token =
  | {
      kind: "field" | "variable" | "identifier" | "string" | "operator";
      text: string;
      at: number;
      spaced: boolean;
    }
  | { kind: "number"; text: string; value: number; at: number; spaced: boolean };

const tokenPattern =
  /\s+|(?<field>\.[\p{L}_][\p{L}\p{N}_]*)|(?<variable>\$[\p{L}\p{N}_]*)|(?<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)|(?<char>'(?:[^'\\\n]|\\.)+')|(?<number>[+-]?(?:0x[0-9a-fA-F]+|\d+(?:\.\d*)?(?:e[+-]?\d+)?))|(?<identifier>[\p{L}_][\p{L}\p{N}_]*)|(?<operator>:=|[=|(),.])/uy;

/** Value of a Go string literal. */
export function unquote(literal: string): string {
  if (literal.startsWith("`")) return literal.slice(1, -1);
  return JSON.parse(
    literal
      .replace(/\\x([0-9a-fA-F]{2})/g, "\\u00$1")
      .replace(/\\a/g, "\\u0007")
      .replace(/\\v/g, "\\u000b")
      .replace(/\\'/g, "'"),
  ) as string;
}

/** The error of a template that cannot be parsed, at an offset. */
export function templateErrorAt(source: string, at: number, message: string): TemplateError {
  const line = source.slice(0, at).split("\n").length;
  return new TemplateError(`template: :${line}: ${message}`);
}

/** An action cut into tokens. */
interface Scanned {
  tokens: Token[];
  /** Where the text behind its `}}` begins. */
  end: number;
  /** Whether white space there is left out. */
  trims: boolean;
}

/** Cuts the action whose inside begins at `start`. Throws {@link TemplateError}. */
export function scanAction(source: string, start: number): Scanned {
  const tokens: Token[] = [];
  let at = start;
  let spaced = true;
  for (;;) {
    if (source.startsWith("}}", at)) {
      return { tokens, end: at + 2, trims: false };
    }
    if (/^\s-\}\}/.test(source.slice(at, at + 4))) {
      return { tokens, end: at + 4, trims: true };
    }
    if (at >= source.length) throw templateErrorAt(source, start, "unclosed action");
    tokenPattern.lastIndex = at;
    const match = tokenPattern.exec(source);
    if (match === null) {
      if (/["`']/.test(source[at] ?? "")) throw templateErrorAt(source, at, "unterminated quoted string");
      throw templateErrorAt(source, at, `unexpected ${quote(source[at] ?? "")} in command`);
    }
    const text = match[0];
    const groups = match.groups ?? {};
    // A space before the closing trim marker belongs to it.
    if (Object.values(groups).every((group) => group === undefined)) {
      at += /^-\}\}/.test(source.slice(at + text.length, at + text.length + 3))
        ? text.length - 1
        : text.length;
      spaced = true;
      continue;
    }
    if (groups.number !== undefined) {
      tokens.push({ kind: "number", text, value: Number(text), at, spaced });
    } else if (groups.char !== undefined) {
      const char = unquote(`"${text.slice(1, -1)}"`);
      tokens.push({ kind: "number", text, value: char.codePointAt(0) ?? 0, at, spaced });
    } else {
      const kind =
        groups.field !== undefined
          ? "field"
          : groups.variable !== undefined
            ? "variable"
            : groups.string !== undefined
              ? "string"
              : groups.identifier !== undefined
                ? "identifier"
                : "operator";
      tokens.push({ kind, text, at, spaced });
    }
    spaced = false;
    at += text.length;
  }
}
