/**
 * Go's text/template, as far as `--format` needs it: actions, pipelines, variables, if/range/with, the built-in
 * functions and Docker's. No npm package does (go-text-template 0.2 has no blocks, others are not free software).
 * https://pkg.go.dev/text/template
 *
 * Data are JSON-like values. A plain object stands for a Go struct (an unknown field is an error), a `Map` for a Go map
 * (an unknown key is no error), a function for a method.
 */

/** Parse and execution errors, in Go's words. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

type Token =
  | {
      kind: "field" | "variable" | "identifier" | "string" | "operator";
      text: string;
      at: number;
      spaced: boolean;
    }
  | { kind: "number"; text: string; value: number; at: number; spaced: boolean };

type Operand =
  | { kind: "dot" }
  | { kind: "nil" }
  | { kind: "literal"; value: string | number | boolean }
  | { kind: "variable"; name: string }
  | { kind: "function"; name: string }
  | { kind: "pipeline"; pipeline: Pipeline };
/** An operand and the fields taken of it; `at` and `text` are for messages. */
interface Term {
  operand: Operand;
  path: string[];
  at: number;
  text: string;
}
interface Pipeline {
  variables: string[];
  declares: boolean;
  commands: Term[][];
  text: string;
}
type Node =
  | { kind: "text"; text: string }
  | { kind: "action"; pipeline: Pipeline }
  | { kind: "if" | "with" | "range"; pipeline: Pipeline; body: Node[]; otherwise: Node[] }
  | { kind: "break" | "continue" };

type TemplateFunction = (...args: unknown[]) => unknown;
export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>;

const blockKeywords = new Set(["if", "range", "with", "else", "end", "break", "continue"]);
const unsupportedKeywords = new Set(["define", "block", "template"]);

// ---------------------------------------------------------------------------------------------------- values

/** Go's %v. */
function format(value: unknown, nested = false): string {
  if (value === undefined && !nested) return "<no value>";
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map((item) => format(item, true)).join(" ")}]`;
  if (value instanceof Map) {
    const entries = [...value].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    return `map[${entries.map(([key, item]) => `${key}:${format(item, true)}`).join(" ")}]`;
  }
  if (typeof value === "object") {
    return `{${Object.values(value)
      .filter((item) => typeof item !== "function")
      .map((item) => format(item, true))
      .join(" ")}}`;
  }
  return String(value);
}

/** JSON as Go writes it: maps' keys sorted, methods left out. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_, item: unknown) => (item instanceof Map ? Object.fromEntries([...item].sort()) : item),
    indent,
  );
}

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  return Boolean(value);
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return "nil";
  if (Array.isArray(value)) return "[]interface {}";
  if (value instanceof Map) return "map[string]string";
  if (typeof value === "object") return "map[string]interface {}";
  return typeof value === "boolean" ? "bool" : typeof value === "number" ? "int" : typeof value;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

// ------------------------------------------------------------------------------------------------- functions

function size(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  if (typeof value === "object" && value !== null) return Object.keys(value).length;
  throw new Error(`len of type ${typeName(value)}`);
}

function index(value: unknown, ...keys: unknown[]): unknown {
  let item = value;
  for (const key of keys) {
    if (item === null || item === undefined) throw new Error("index of untyped nil");
    if (item instanceof Map) {
      item = item.get(key) ?? "";
    } else if (Array.isArray(item) || typeof item === "string") {
      if (typeof key !== "number") throw new Error(`cannot index slice/array with type ${typeName(key)}`);
      if (key < 0 || key >= item.length) throw new Error(`index out of range: ${key}`);
      item = typeof item === "string" ? Buffer.from(item)[key] : item[key];
    } else if (typeof item === "object") {
      if (typeof key !== "string") throw new Error(`value has type ${typeName(key)}; should be string`);
      item = (item as Record<string, unknown>)[key];
    } else {
      throw new Error(`can't index item of type ${typeName(item)}`);
    }
  }
  return item;
}

function slice(value: unknown, start: unknown = 0, end?: unknown): unknown {
  if (typeof value !== "string" && !Array.isArray(value)) {
    throw new Error(`can't slice item of type ${typeName(value)}`);
  }
  return value.slice(Number(start), end === undefined ? undefined : Number(end));
}

/** fmt.Sprint: spaces between operands when neither is a string. */
function sprint(...values: unknown[]): string {
  let text = "";
  for (const [i, value] of values.entries()) {
    if (i > 0 && typeof value !== "string" && typeof values[i - 1] !== "string") text += " ";
    text += format(value, true);
  }
  return text;
}

/** fmt.Sprintf with the verbs that make sense for JSON-like values: %s %v %d %q %x %f %t %%, width, `-`, `0`, precision. */
function sprintf(pattern: unknown, ...values: unknown[]): string {
  let next = 0;
  const text = String(pattern).replace(
    /%([-0+]*)([0-9]*)(?:\.([0-9]+))?([a-zA-Z%])/g,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (next >= values.length) return `%!${verb}(MISSING)`;
      const value = values[next++];
      let out = format(value, true);
      if (verb === "q") out = quote(out);
      else if (verb === "f") out = Number(value).toFixed(precision === undefined ? 6 : Number(precision));
      else if (verb === "x") {
        out = typeof value === "number" ? value.toString(16) : Buffer.from(out).toString("hex");
      } else if (precision !== undefined && typeof value === "string") out = out.slice(0, Number(precision));
      if (flags.includes("-")) return out.padEnd(Number(width));
      return out.padStart(Number(width), flags.includes("0") ? "0" : " ");
    },
  );
  return text;
}

function comparable(a: unknown, b: unknown): [string | number, string | number] {
  if (typeof a === "number" && typeof b === "number") return [a, b];
  if (typeof a === "string" && typeof b === "string") return [a, b];
  throw new Error(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);
}

function equal(a: unknown, ...others: unknown[]): boolean {
  if (others.length === 0) throw new Error("missing argument for comparison");
  return others.some((b) => {
    const comparableTypes = a === null || b === null || b === undefined || typeof a === typeof b;
    if (!comparableTypes) {
      throw new Error(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);
    }
    return (a ?? null) === (b ?? null);
  });
}

function order(compare: (a: string | number, b: string | number) => boolean): TemplateFunction {
  return (a, b) => compare(...comparable(a, b));
}

const functions: TemplateFunctions = {
  json: (value) => toJson(value ?? null),
  split: (text, separator) => String(text).split(String(separator)),
  join: (list, separator) => {
    if (!Array.isArray(list)) {
      throw new Error(`wrong type for value; expected []string; got ${typeName(list)}`);
    }
    return list.map((item) => format(item, true)).join(String(separator));
  },
  title: (text) => String(text).replace(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (_, a, b) => a + b.toUpperCase()),
  lower: (text) => String(text).toLowerCase(),
  upper: (text) => String(text).toUpperCase(),
  pad: (text, before, after) =>
    text === "" ? "" : " ".repeat(Number(before)) + String(text) + " ".repeat(Number(after)),
  truncate: (text, length) => String(text).slice(0, Number(length)),
  len: size,
  index,
  slice,
  print: sprint,
  printf: sprintf,
  println: (...values) => `${values.map((value) => format(value, true)).join(" ")}\n`,
  not: (value) => !isTrue(value),
  eq: equal,
  ne: (a, b) => !equal(a, b),
  lt: order((a, b) => a < b),
  le: order((a, b) => a <= b),
  gt: order((a, b) => a > b),
  ge: order((a, b) => a >= b),
  html: (...values) =>
    sprint(...values).replace(
      /[&<>"']/g,
      (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" })[c] ?? c,
    ),
  urlquery: (...values) => encodeURIComponent(sprint(...values)).replaceAll("%20", "+"),
  // `and` and `or` evaluate their arguments one by one: see callFunction.
  and: (...values) => values.at(-1),
  or: (...values) => values.at(-1),
};

// --------------------------------------------------------------------------------------------------- parsing

const tokenPattern =
  /\s+|(?<field>\.[\p{L}_][\p{L}\p{N}_]*)|(?<variable>\$[\p{L}\p{N}_]*)|(?<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)|(?<char>'(?:[^'\\\n]|\\.)+')|(?<number>[+-]?(?:0x[0-9a-fA-F]+|\d+(?:\.\d*)?(?:e[+-]?\d+)?))|(?<identifier>[\p{L}_][\p{L}\p{N}_]*)|(?<operator>:=|[=|(),.])/uy;

/** Value of a Go string literal. */
function unquote(literal: string): string {
  if (literal.startsWith("`")) return literal.slice(1, -1);
  return JSON.parse(
    literal
      .replace(/\\x([0-9a-fA-F]{2})/g, "\\u00$1")
      .replace(/\\a/g, "\\u0007")
      .replace(/\\v/g, "\\u000b")
      .replace(/\\'/g, "'"),
  ) as string;
}

class Parser {
  readonly #source: string;
  readonly #functions: TemplateFunctions;
  #offset = 0;
  #tokens: Token[] = [];
  #next = 0;
  /** Set by an `end` or `else` action for the block that it belongs to. */
  #closer: { keyword: "end" | "else"; at: number } | undefined;
  #variables = ["$"];
  #rangeDepth = 0;
  #trimNext = false;

  constructor(source: string, known: TemplateFunctions) {
    this.#source = source;
    this.#functions = known;
  }

  parse(): Node[] {
    const nodes = this.#list();
    if (this.#closer !== undefined) this.#fail(`unexpected {{${this.#closer.keyword}}}`, this.#closer.at);
    return nodes;
  }

  #fail(message: string, at = this.#offset): never {
    const line = this.#source.slice(0, at).split("\n").length;
    throw new TemplateError(`template: :${line}: ${message}`);
  }

  /** Nodes up to the end of the source or to an `end`/`else`, which is left in `#closer`. */
  #list(): Node[] {
    const nodes: Node[] = [];
    const source = this.#source;
    this.#closer = undefined;
    while (this.#offset < source.length) {
      const open = source.indexOf("{{", this.#offset);
      let text = source.slice(this.#offset, open < 0 ? source.length : open);
      if (this.#trimNext) text = text.trimStart();
      this.#trimNext = false;
      if (open < 0) {
        this.#offset = source.length;
        if (text !== "") nodes.push({ kind: "text", text });
        break;
      }
      let start = open + 2;
      if (/^-\s/.test(source.slice(start, start + 2))) {
        text = text.trimEnd();
        start++;
      }
      if (text !== "") nodes.push({ kind: "text", text });
      const comment = /^\s*\/\*[\s\S]*?\*\/\s*?(?<trim>\s-)?\}\}/.exec(source.slice(start));
      if (comment !== null) {
        this.#offset = start + comment[0].length;
        this.#trimNext = comment.groups?.trim !== undefined;
        continue;
      }
      this.#scan(start);
      const node = this.#action(open);
      if (this.#closer !== undefined) return nodes;
      if (node !== undefined) nodes.push(node);
    }
    return nodes;
  }

  /** Cuts the action at `start` into tokens and moves behind its `}}`. */
  #scan(start: number): void {
    const source = this.#source;
    this.#tokens = [];
    this.#next = 0;
    let at = start;
    let spaced = true;
    for (;;) {
      if (source.startsWith("}}", at)) {
        this.#offset = at + 2;
        return;
      }
      if (/^\s-\}\}/.test(source.slice(at, at + 4))) {
        this.#offset = at + 4;
        this.#trimNext = true;
        return;
      }
      if (at >= source.length) this.#fail("unclosed action", start);
      tokenPattern.lastIndex = at;
      const match = tokenPattern.exec(source);
      if (match === null) {
        if (/["`']/.test(source[at] ?? "")) this.#fail("unterminated quoted string", at);
        this.#fail(`unexpected ${quote(source[at] ?? "")} in command`, at);
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
        this.#tokens.push({ kind: "number", text, value: Number(text), at, spaced });
      } else if (groups.char !== undefined) {
        const char = unquote(`"${text.slice(1, -1)}"`);
        this.#tokens.push({ kind: "number", text, value: char.codePointAt(0) ?? 0, at, spaced });
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
        this.#tokens.push({ kind, text, at, spaced });
      }
      spaced = false;
      at += text.length;
    }
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  #isOperator(text: string): boolean {
    const token = this.#peek();
    return token?.kind === "operator" && token.text === text;
  }

  #action(open: number): Node | undefined {
    const first = this.#peek();
    const keyword = first?.kind === "identifier" ? first.text : "";
    if (unsupportedKeywords.has(keyword)) this.#fail(`{{${keyword}}} is not supported`, open);
    if (!blockKeywords.has(keyword)) {
      if (first === undefined) this.#fail("missing value for command", open);
      return { kind: "action", pipeline: this.#pipeline("command") };
    }
    this.#next++;
    if (keyword === "end") {
      this.#expectEnd("end");
      this.#closer = { keyword, at: open };
      return undefined;
    }
    if (keyword === "else") {
      this.#closer = { keyword, at: open };
      return undefined;
    }
    if (keyword === "break" || keyword === "continue") {
      this.#expectEnd(`{{${keyword}}}`);
      if (this.#rangeDepth === 0) this.#fail(`{{${keyword}}} outside {{range}}`, open);
      return { kind: keyword };
    }
    return this.#block(keyword as "if" | "range" | "with");
  }

  #expectEnd(context: string): void {
    const token = this.#peek();
    if (token !== undefined) this.#fail(`unexpected ${quote(token.text)} in ${context}`, token.at);
  }

  #block(keyword: "if" | "range" | "with"): Node {
    const scope = this.#variables.length;
    const pipeline = this.#pipeline(keyword);
    if (keyword === "range") this.#rangeDepth++;
    const body = this.#list();
    if (keyword === "range") this.#rangeDepth--;
    let otherwise: Node[] = [];
    const closer = this.#closer as { keyword: "end" | "else" } | undefined;
    if (closer === undefined) this.#fail("unexpected EOF");
    if (closer.keyword === "else") {
      const follow = this.#peek();
      if (
        follow?.kind === "identifier" &&
        (follow.text === keyword || follow.text === "if") &&
        keyword !== "range"
      ) {
        // `else if` is one block within the other, and they share the `end`.
        this.#closer = undefined;
        this.#next++;
        otherwise = [this.#block(follow.text as "if" | "with")];
      } else {
        this.#expectEnd("else");
        otherwise = this.#list();
        const end = this.#closer as { keyword: "end" | "else" } | undefined;
        if (end === undefined) this.#fail("unexpected EOF");
        if (end.keyword !== "end") this.#fail("expected end; found {{else}}");
      }
    }
    this.#closer = undefined;
    this.#variables.length = scope;
    return { kind: keyword, pipeline, body, otherwise };
  }

  #pipeline(context: string, closing?: ")"): Pipeline {
    const pipeline: Pipeline = { variables: [], declares: false, commands: [], text: "" };
    const from = this.#next;
    const second = this.#tokens[this.#next + 1];
    if (
      this.#peek()?.kind === "variable" &&
      second?.kind === "operator" &&
      [":=", "=", ","].includes(second.text)
    ) {
      for (;;) {
        const variable = this.#peek();
        if (variable?.kind !== "variable") this.#fail(`unexpected token in ${context}`);
        pipeline.variables.push(variable.text);
        this.#next++;
        if (!(context === "range" && this.#isOperator(",") && pipeline.variables.length < 2)) break;
        this.#next++;
      }
      const operator = this.#peek();
      if (operator?.text !== ":=" && operator?.text !== "=") this.#fail(`unexpected "," in ${context}`);
      pipeline.declares = operator.text === ":=";
      if (!pipeline.declares) for (const name of pipeline.variables) this.#checkVariable(name, operator.at);
      this.#next++;
    }
    for (;;) {
      const command: Term[] = [];
      for (let token = this.#peek(); token !== undefined; token = this.#peek()) {
        if (token.kind === "operator" && (token.text === "|" || token.text === ")")) break;
        if (command.length > 0 && !token.spaced && token.text !== "(") {
          this.#fail(`unexpected ${quote(token.text)} in operand`, token.at);
        }
        command.push(this.#term());
      }
      if (command.length === 0) this.#fail(`missing value for ${context}`);
      const first = command[0];
      if (pipeline.commands.length > 0 && first !== undefined && first.operand.kind === "literal") {
        this.#fail(`non executable command in pipeline stage ${pipeline.commands.length + 1}`, first.at);
      }
      pipeline.commands.push(command);
      if (!this.#isOperator("|")) break;
      this.#next++;
    }
    const end = this.#peek();
    if (closing === undefined && end !== undefined) this.#fail(`unexpected right paren`, end.at);
    if (closing !== undefined && end === undefined) this.#fail("unclosed left paren");
    pipeline.text = this.#tokens
      .slice(from, this.#next)
      .map((token, i) => (token.spaced && i > 0 ? ` ${token.text}` : token.text))
      .join("");
    if (pipeline.declares) this.#variables.push(...pipeline.variables);
    return pipeline;
  }

  #checkVariable(name: string, at: number): void {
    if (!this.#variables.includes(name)) this.#fail(`undefined variable ${quote(name)}`, at);
  }

  #term(): Term {
    const token = this.#tokens[this.#next++] as Token;
    let operand: Operand;
    const path: string[] = [];
    let at = token.at;
    let text = token.text;
    switch (token.kind) {
      case "number":
        operand = { kind: "literal", value: token.value };
        break;
      case "string":
        operand = { kind: "literal", value: unquote(token.text) };
        break;
      case "variable":
        this.#checkVariable(token.text, token.at);
        operand = { kind: "variable", name: token.text };
        break;
      case "field":
        operand = { kind: "dot" };
        path.push(token.text.slice(1));
        break;
      case "identifier":
        if (token.text === "true" || token.text === "false") {
          operand = { kind: "literal", value: token.text === "true" };
        } else if (token.text === "nil") {
          operand = { kind: "nil" };
        } else {
          if (!Object.hasOwn(this.#functions, token.text)) {
            this.#fail(`function ${quote(token.text)} not defined`, token.at);
          }
          operand = { kind: "function", name: token.text };
        }
        break;
      default:
        if (token.text === ".") {
          operand = { kind: "dot" };
        } else if (token.text === "(") {
          const pipeline = this.#pipeline("parenthesized pipeline", ")");
          this.#next++;
          operand = { kind: "pipeline", pipeline };
          text = `(${pipeline.text})`;
        } else {
          this.#fail(`unexpected ${quote(token.text)} in operand`, token.at);
        }
    }
    for (let field = this.#peek(); field?.kind === "field" && !field.spaced; field = this.#peek()) {
      // As Go does: an error in a chain is reported at its second link.
      if (path.length === 1) at = field.at;
      path.push(field.text.slice(1));
      text += field.text;
      this.#next++;
    }
    return { operand, path, at, text };
  }
}

// ------------------------------------------------------------------------------------------------- execution

class LoopExit extends Error {
  readonly keyword: "break" | "continue";
  constructor(keyword: "break" | "continue") {
    super(keyword);
    this.keyword = keyword;
  }
}

/** Stands for "no argument from the pipeline". */
const nothing = Symbol("nothing");

export interface TemplateOptions {
  /** Name of the data's type, for `can't evaluate field X in type T`. Without it they are a map, whose keys must exist. */
  typeName?: string;
  /** Replace functions of the same names. */
  functions?: TemplateFunctions;
}

class Execution {
  readonly #source: string;
  readonly #root: unknown;
  readonly #options: TemplateOptions;
  readonly #functions: TemplateFunctions;
  readonly #variables: { name: string; value: unknown }[];
  #output = "";

  constructor(source: string, root: unknown, options: TemplateOptions) {
    this.#source = source;
    this.#root = root;
    this.#options = options;
    this.#functions = { ...functions, ...options.functions };
    this.#variables = [{ name: "$", value: root }];
  }

  run(nodes: readonly Node[]): string {
    this.#walkAll(nodes, this.#root);
    return this.#output;
  }

  #fail(term: { at: number; text: string }, message: string): never {
    const before = this.#source.slice(0, term.at);
    const line = before.split("\n").length;
    const column = Buffer.byteLength(before.slice(before.lastIndexOf("\n") + 1));
    const text = term.text.length > 20 ? `${term.text.slice(0, 20)}...` : term.text;
    throw new TemplateError(`template: :${line}:${column}: executing "" at <${text}>: ${message}`);
  }

  #walkAll(nodes: readonly Node[], dot: unknown): void {
    for (const node of nodes) this.#walk(node, dot);
  }

  #walk(node: Node, dot: unknown): void {
    switch (node.kind) {
      case "text":
        this.#output += node.text;
        return;
      case "action": {
        const value = this.#pipeline(node.pipeline, dot);
        if (node.pipeline.variables.length === 0) this.#output += format(value);
        return;
      }
      case "break":
      case "continue":
        throw new LoopExit(node.kind);
      case "range":
        this.#range(node, dot);
        return;
      default: {
        const scope = this.#variables.length;
        const value = this.#pipeline(node.pipeline, dot);
        if (isTrue(value)) this.#walkAll(node.body, node.kind === "with" ? value : dot);
        else this.#walkAll(node.otherwise, dot);
        this.#variables.length = scope;
      }
    }
  }

  #range(node: Extract<Node, { kind: "if" | "with" | "range" }>, dot: unknown): void {
    const scope = this.#variables.length;
    const value = this.#pipeline({ ...node.pipeline, variables: [] }, dot);
    let entries: [unknown, unknown][];
    if (value === null || value === undefined) entries = [];
    else if (Array.isArray(value)) entries = [...value.entries()];
    else if (value instanceof Map) {
      entries = [...value].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    } else if (typeof value === "number") {
      entries = Array.from({ length: value }, (_, i) => [i, i]);
    } else if (typeof value === "object") {
      entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    } else {
      const first = node.pipeline.commands[0]?.[0];
      this.#fail(
        { at: first?.at ?? 0, text: node.pipeline.text },
        `range can't iterate over ${format(value, true)}`,
      );
    }
    if (entries.length === 0) {
      this.#walkAll(node.otherwise, dot);
      return;
    }
    const [one, two] = node.pipeline.variables;
    for (const [key, item] of entries) {
      this.#variables.length = scope;
      const assigned: [string | undefined, unknown][] =
        two === undefined
          ? [[one, item]]
          : [
              [one, key],
              [two, item],
            ];
      for (const [name, to] of assigned) if (name !== undefined) this.#set(name, to, node.pipeline.declares);
      try {
        this.#walkAll(node.body, item);
      } catch (error) {
        if (!(error instanceof LoopExit)) throw error;
        if (error.keyword === "break") break;
      }
    }
    this.#variables.length = scope;
  }

  #set(name: string, value: unknown, declares: boolean): void {
    const existing = declares ? undefined : this.#variables.findLast((variable) => variable.name === name);
    if (existing === undefined) this.#variables.push({ name, value });
    else existing.value = value;
  }

  #pipeline(pipeline: Pipeline, dot: unknown): unknown {
    let value: unknown = nothing;
    for (const command of pipeline.commands) value = this.#command(command, dot, value);
    for (const name of pipeline.variables) this.#set(name, value, pipeline.declares);
    return value;
  }

  #command(command: readonly Term[], dot: unknown, final: unknown): unknown {
    const [first, ...rest] = command;
    if (first === undefined) return undefined;
    if (first.operand.kind === "function" && first.path.length === 0) {
      return this.#callFunction(first, first.operand.name, rest, dot, final);
    }
    const value = this.#term(first, dot);
    const args = rest.map((term) => () => this.#term(term, dot));
    if (typeof value === "function") {
      const given = args.map((arg) => arg());
      return this.#call(first, value as TemplateFunction, final === nothing ? given : [...given, final]);
    }
    if (args.length > 0 || final !== nothing) {
      const field = first.path.at(-1);
      this.#fail(
        first,
        field === undefined
          ? `can't give argument to non-function ${first.text}`
          : `${field} has arguments but cannot be invoked as function`,
      );
    }
    return value;
  }

  #callFunction(first: Term, name: string, rest: readonly Term[], dot: unknown, final: unknown): unknown {
    const apply = this.#functions[name] as TemplateFunction;
    if (name === "and" || name === "or") {
      let value: unknown;
      for (const term of rest) {
        value = this.#term(term, dot);
        if (isTrue(value) === (name === "or")) return value;
      }
      return final === nothing ? value : final;
    }
    const args = rest.map((term) => this.#term(term, dot));
    if (final !== nothing) args.push(final);
    const call = { at: first.at, text: [first, ...rest].map((term) => term.text).join(" ") };
    if (args.length < apply.length) {
      this.#fail(first, `wrong number of args for ${name}: want ${apply.length} got ${args.length}`);
    }
    return this.#call(call, apply, args, `error calling ${name}: `);
  }

  #call(term: { at: number; text: string }, apply: TemplateFunction, args: unknown[], prefix = ""): unknown {
    try {
      return apply(...args);
    } catch (error) {
      if (error instanceof TemplateError) throw error;
      this.#fail(term, `${prefix}${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #term(term: Term, dot: unknown): unknown {
    let value: unknown;
    const { operand } = term;
    switch (operand.kind) {
      case "dot":
        value = dot;
        break;
      case "nil":
        this.#fail(term, "nil is not a command");
        break;
      case "literal":
        value = operand.value;
        break;
      case "variable":
        value = this.#variables.findLast((variable) => variable.name === operand.name)?.value;
        break;
      case "function":
        value = this.#callFunction(term, operand.name, [], dot, nothing);
        break;
      case "pipeline":
        value = this.#pipeline(operand.pipeline, dot);
    }
    for (const name of term.path) value = this.#field(term, value, name);
    return value;
  }

  #field(term: Term, value: unknown, name: string): unknown {
    if (value === null || value === undefined) {
      this.#fail(term, `nil pointer evaluating interface {}.${name}`);
    }
    if (value instanceof Map) return value.get(name);
    if (typeof value === "object" && !Array.isArray(value)) {
      if (name in value && !Object.hasOwn(Object.prototype, name))
        return (value as Record<string, unknown>)[name];
      if (this.#options.typeName === undefined) this.#fail(term, `map has no entry for key ${quote(name)}`);
      this.#fail(term, `can't evaluate field ${name} in type ${this.#options.typeName}`);
    }
    this.#fail(term, `can't evaluate field ${name} in type ${typeName(value)}`);
  }
}

/** A parsed template. Throws {@link TemplateError}, as its `execute` does. */
export class Template {
  readonly #source: string;
  readonly #nodes: readonly Node[];

  constructor(source: string) {
    this.#source = source;
    this.#nodes = new Parser(source, functions).parse();
  }

  execute(data: unknown, options: TemplateOptions = {}): string {
    return new Execution(this.#source, data, options).run(this.#nodes);
  }
}
