import { toJson } from "../../docker/go-json.ts";
import { format, isTrue, quote, typeName } from "./template-values.ts";

export type TemplateFunction = (...args: unknown[]) => unknown;
export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>;

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
      item = item.get(key) ?? zeroOf(item);
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

/** What Go gives for a key that a map has not: nothing of a list or struct, else the empty text. */
function zeroOf(map: ReadonlyMap<unknown, unknown>): unknown {
  return [...map.values()].some((value) => value === null || typeof value === "object") ? null : "";
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

/**
 * fmt.Sprintf with the verbs that make sense for JSON-like values: %s %v %d %q %x %f %t %%, width, `-`, `0`,
 * precision.
 */
function sprintf(pattern: unknown, ...values: unknown[]): string {
  let next = 0;
  const text = String(pattern).replace(
    /%([-0+]*)([0-9]*)(?:\.([0-9]+))?([a-zA-Z%])/g,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (next >= values.length) return `%!${verb}(MISSING)`;
      const value = values[next++];
      if (verb === "T") return typeName(value);
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

/** Go's built-in functions and Docker's. */
export const builtins: TemplateFunctions = {
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
  js: (...values) =>
    sprint(...values)
      .replace(/[\\'"]/g, "\\$&")
      .replace(/[<>&=\0-\x1f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`),
  urlquery: (...values) => encodeURIComponent(sprint(...values)).replaceAll("%20", "+"),
  // `and` and `or` evaluate their arguments one by one: see callFunction.
  and: (...values) => values.at(-1),
  or: (...values) => values.at(-1),
};
