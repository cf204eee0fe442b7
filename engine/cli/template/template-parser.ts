import type { TemplateFunctions } from "./template-functions.ts";
import { scanAction, type Token, templateErrorAt, unquote } from "./template-tokens.ts";
import { quote } from "./template-values.ts";

type Operand =
  | { kind: "dot" }
  | { kind: "nil" }
  | { kind: "literal"; value: string | number | boolean }
  | { kind: "variable"; name: string }
  | { kind: "function"; name: string }
  | { kind: "pipeline"; pipeline: Pipeline };

/** An operand and the fields taken of it; `at` and `text` are for messages. */
export interface Term {
  operand: Operand;
  path: string[];
  at: number;
  text: string;
}

/** What `variables := command | command` says. */
export interface Pipeline {
  variables: string[];
  declares: boolean;
  commands: Term[][];
  text: string;
}

export type TemplateNode =
  | { kind: "text"; text: string }
  | { kind: "action"; pipeline: Pipeline }
  | { kind: "if" | "with" | "range"; pipeline: Pipeline; body: TemplateNode[]; otherwise: TemplateNode[] }
  | { kind: "break" | "continue" };

const blockKeywords = new Set(["if", "range", "with", "else", "end", "break", "continue"]);
const unsupportedKeywords = new Set(["define", "block", "template"]);

/** Makes the tree of a template. */
export class TemplateParser {
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

  parse(): TemplateNode[] {
    const nodes = this.#list();
    if (this.#closer !== undefined) this.#fail(`unexpected {{${this.#closer.keyword}}}`, this.#closer.at);
    return nodes;
  }

  #fail(message: string, at = this.#offset): never {
    throw templateErrorAt(this.#source, at, message);
  }

  /** Nodes up to the end of the source or to an `end`/`else`, which is left in `#closer`. */
  #list(): TemplateNode[] {
    const nodes: TemplateNode[] = [];
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
      const { tokens, end, trims } = scanAction(source, start);
      this.#tokens = tokens;
      this.#next = 0;
      this.#offset = end;
      this.#trimNext = trims;
      const node = this.#action(open);
      if (this.#closer !== undefined) return nodes;
      if (node !== undefined) nodes.push(node);
    }
    return nodes;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  #isOperator(text: string): boolean {
    const token = this.#peek();
    return token?.kind === "operator" && token.text === text;
  }

  #action(open: number): TemplateNode | undefined {
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

  #block(keyword: "if" | "range" | "with"): TemplateNode {
    const scope = this.#variables.length;
    const pipeline = this.#pipeline(keyword);
    if (keyword === "range") this.#rangeDepth++;
    const body = this.#list();
    if (keyword === "range") this.#rangeDepth--;
    let otherwise: TemplateNode[] = [];
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
