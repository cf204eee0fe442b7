/**
 * Go's text/template, as far as `--format` needs it: actions, pipelines, variables, if/range/with, the
 * built-in functions and Docker's. No npm package does (go-text-template 0.2 has no blocks, others are not
 * free software). https://pkg.go.dev/text/template
 *
 * Data are JSON-like values. A plain object stands for a Go struct (an unknown field is an error), a `Map`
 * for a Go map (an unknown key is no error), a function for a method.
 */
import { TemplateError } from "./template-error.ts";
import { builtins, type TemplateFunction, type TemplateFunctions } from "./template-functions.ts";
import { type Pipeline, type TemplateNode, TemplateParser, type Term } from "./template-parser.ts";
import { format, isTrue, quote, typeName } from "./template-values.ts";

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
  /**
   * Name of the data's type, for `can't evaluate field X in type T`. Without it they are a map, whose keys
   * must exist.
   */
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
    this.#functions = { ...builtins, ...options.functions };
    this.#variables = [{ name: "$", value: root }];
  }

  run(nodes: readonly TemplateNode[]): string {
    this.#walkAll(nodes, this.#root);
    return this.#output;
  }

  #fail(term: { at: number; text: string }, message: string): never {
    const before = this.#source.slice(0, term.at);
    const line = before.split("\n").length;
    const column = Buffer.byteLength(before.slice(before.lastIndexOf("\n") + 1));
    throw new TemplateError(`template: :${line}:${column}: executing "" at <${term.text}>: ${message}`);
  }

  #walkAll(nodes: readonly TemplateNode[], dot: unknown): void {
    for (const node of nodes) this.#walk(node, dot);
  }

  #walk(node: TemplateNode, dot: unknown): void {
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

  #range(node: Extract<TemplateNode, { kind: "if" | "with" | "range" }>, dot: unknown): void {
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
  readonly #nodes: readonly TemplateNode[];

  constructor(source: string) {
    this.#source = source;
    this.#nodes = new TemplateParser(source, builtins).parse();
  }

  execute(data: unknown, options: TemplateOptions = {}): string {
    return new Execution(this.#source, data, options).run(this.#nodes);
  }
}
