/** `--format` of commands that list: tables, JSON lines, Go templates (Docker's cli/command/formatter). */

import { toJson } from "../../docker/go-json.ts";
import { CommandFailure } from "../command.ts";
import { Template } from "../template/template.ts";
import { TemplateError } from "../template/template-error.ts";
import type { TemplateFunctions } from "../template/template-functions.ts";
import { alignTable } from "./table.ts";

export const listFormatHelp =
  "Format output using a custom template:\n'table':            Print output in table format with column headers (default)\n'table TEMPLATE':   Print output in table format using the given Go template\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template.";

export const objectFormatHelp =
  "Format output using a custom template:\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template.";

/**
 * Docker's reading of `--quiet` beside `--format`: the table gives way to IDs, a template of one's own does
 * not.
 */
export function quietFormat(quiet: boolean, format: string | undefined): string | undefined {
  return quiet && (format === undefined || format === "" || format === "table") ? "{{.ID}}" : format;
}

/** In a table's header, functions leave the column's title as it is. */
const headerFunctions: TemplateFunctions = Object.fromEntries(
  ["json", "split", "join", "title", "lower", "upper", "truncate"].map((name) => [
    name,
    (title: unknown) => title,
  ]),
);

export interface ListView<Row> {
  /** Fields that a template can name, with their column titles. */
  headers: Readonly<Record<string, string | ((argument: string) => string)>>;
  /** Template of the default table, cells separated by tabs. */
  defaultTable: string;
  /** Name of the row's type, for error messages. */
  typeName: string;
  /** How a mistake in a template is told, where not as by most lists. */
  mistake?(error: TemplateError): string;
  /** Fields of one row; getters, so that only what is shown is computed. */
  row(item: Row): object;
}

export class ListFormat<Row> {
  readonly #view: ListView<Row>;
  readonly #isTable: boolean;
  readonly #isJson: boolean;
  readonly #template: Template;

  /** Throws CommandFailure for a bad template, before anything is asked of the engine. */
  constructor(view: ListView<Row>, format: string | undefined) {
    this.#view = view;
    let source =
      format === undefined || format === "" || format === "table" ? `table ${view.defaultTable}` : format;
    this.#isTable = source.startsWith("table");
    if (this.#isTable) source = source.slice("table".length);
    this.#isJson = source === "json";
    // As in Docker: a shell hands on backslash and t.
    source = source
      .replace(/^ +| +$/g, "")
      .replaceAll("\\t", "\t")
      .replaceAll("\\n", "\n");
    try {
      this.#template = new Template(this.#isJson ? "" : source);
    } catch (error) {
      throw this.#asFailure(error);
    }
    // An unknown field is reported before the engine is asked, and also if there are no rows.
    const mistake = this.#header().mistake;
    if (mistake?.message.includes("can't evaluate field")) throw this.#asFailure(mistake);
  }

  /** Column titles; "" where a template does things to them that only rows bear. */
  #header(): { text: string; mistake?: TemplateError } {
    const { headers, typeName } = this.#view;
    try {
      return { text: this.#template.execute(headers, { typeName, functions: headerFunctions }) };
    } catch (error) {
      if (error instanceof TemplateError) return { text: "", mistake: error };
      throw error;
    }
  }

  /** The whole output. */
  print(items: readonly Row[]): string {
    try {
      if (this.#isJson) return items.map((item) => `${rowJson(this.#view.row(item))}\n`).join("");
      const rows = items.map((item) => `${this.#execute(this.#view.row(item))}\n`);
      if (!this.#isTable) return rows.join("");
      return alignTable(`${this.#header().text}\n${rows.join("")}`);
    } catch (error) {
      throw this.#asFailure(error);
    }
  }

  #execute(row: object): string {
    const json = (value: unknown): string => (value === row ? rowJson(row) : toJson(value ?? null));
    return this.#template.execute(row, { typeName: this.#view.typeName, functions: { json } });
  }

  #asFailure(error: unknown): unknown {
    if (!(error instanceof TemplateError)) return error;
    const { mistake = (it) => `template parsing error: ${it.message}` } = this.#view;
    return new CommandFailure(mistake(error));
  }
}

/**
 * Fields in alphabetical order, methods left out, and as safe in HTML as Go makes all JSON: what Docker's
 * MarshalJSON makes of a row.
 */
function rowJson(row: object): string {
  const entries = Object.entries(row).filter(([, value]) => typeof value !== "function");
  const json = toJson(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
  return json.replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}

/**
 * One object, or several, by `--format` of commands that inspect: undefined prints an indented JSON array of
 * all, `json` a compact one, a template one line per object.
 */
export class ObjectFormat {
  readonly #template: Template | undefined;
  readonly #isJson: boolean;

  /** Throws CommandFailure with Docker's status 64 for a bad template. */
  constructor(format: string | undefined) {
    this.#isJson = format === "json";
    try {
      this.#template =
        format === undefined || format === "" || format === "json" ? undefined : new Template(format);
    } catch (error) {
      if (error instanceof TemplateError) {
        throw new CommandFailure(`template parsing error: ${error.message}`, 64);
      }
      throw error;
    }
  }

  /** One object by the template. Throws CommandFailure. */
  line(object: unknown): string {
    if (this.#template === undefined) return toJson(object);
    try {
      return this.#template.execute(object);
    } catch (error) {
      if (error instanceof TemplateError)
        throw new CommandFailure(`template parsing error: ${error.message}`);
      throw error;
    }
  }

  /** The output for all that was found; `failed` gets what the template fails on. */
  print(objects: readonly unknown[], failed: (error: CommandFailure) => void): string {
    if (this.#template === undefined) {
      return `${toJson(objects, this.#isJson ? undefined : 4)}\n`;
    }
    const lines: string[] = [];
    for (const object of objects) {
      try {
        lines.push(this.line(object));
      } catch (error) {
        if (!(error instanceof CommandFailure)) throw error;
        failed(error);
      }
    }
    return `${lines.join("\n")}\n`;
  }
}
