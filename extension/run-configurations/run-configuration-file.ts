/** The text of `.vscode/mocker.json`: read with comments, and edited so that comments and layout stay. */
import {
  applyEdits,
  createScanner,
  findNodeAtLocation,
  type JSONPath,
  modify,
  type Node,
  type ParseError,
  parse,
  parseTree,
} from "jsonc-parser/lib/esm/main.js";
import { l10n } from "../l10n.ts";
import { problemOf, type RunConfiguration, type RunVolume } from "./run-configuration.ts";

export const configurationsKey = "runConfigurations";

export interface FileEntry {
  /** Position in the list; negative for the file as a whole. */
  index: number;
  /** Offset of the configuration in the text. */
  offset: number;
  name: string;
  /** Absent if there is a problem with it. */
  configuration?: RunConfiguration;
  problem?: string;
}

const emptyFile = `{
  // Run configurations of Mocker. The view "Run Configurations" shows them.
  "${configurationsKey}": []
}
`;

/** Entries of the file; `problem` if it is no JSON at all. Never throws. */
export function readConfigurations(text: string): { entries: FileEntry[]; problem?: string } {
  if (text.trim() === "") return { entries: [] };
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const value: unknown = parse(text, [], { allowTrailingComma: true });
  const [error] = errors;
  const problem =
    error === undefined ? undefined : l10n.t("syntax error on line {0}", lineOf(text, error.offset) + 1);
  const list = memberOf(value, configurationsKey);
  if (root === undefined || !Array.isArray(list)) return { entries: [], ...(problem ? { problem } : {}) };
  const entries = list.map((item: unknown, index): FileEntry => {
    const name = memberOf(item, "name");
    const node: Node | undefined = findNodeAtLocation(root, [configurationsKey, index]);
    const entry = {
      index,
      offset: node?.offset ?? 0,
      name: typeof name === "string" && name !== "" ? name : `#${index + 1}`,
    };
    const wrong = problemOf(item);
    if (wrong !== undefined) return { ...entry, problem: wrong };
    return { ...entry, configuration: item as RunConfiguration };
  });
  return { entries, ...(problem ? { problem } : {}) };
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length - 1;
}

/** Appends a configuration, and makes the file if the text is empty. */
export function addConfiguration(text: string, configuration: RunConfiguration): string {
  const base = text.trim() === "" ? emptyFile : text;
  const { entries } = readConfigurations(base);
  return edit(base, [configurationsKey, entries.length], configuration, true);
}

/** Puts a configuration in the place of the one with its name, or appends it. */
export function saveConfiguration(text: string, configuration: RunConfiguration): string {
  const existing = readConfigurations(text).entries.find((entry) => entry.name === configuration.name);
  if (existing === undefined) return addConfiguration(text, configuration);
  // Member by member, so that comments between them stay.
  let result = text;
  const old: Partial<RunConfiguration> = existing.configuration ?? {};
  for (const [key, value] of Object.entries(configuration)) {
    if (JSON.stringify(old[key as keyof RunConfiguration]) === JSON.stringify(value)) continue;
    result = edit(result, [configurationsKey, existing.index, key], value);
  }
  for (const key of Object.keys(old)) {
    if (!Object.hasOwn(configuration, key)) result = remove(result, [configurationsKey, existing.index, key]);
  }
  return result;
}

/** Adds a copy under a name that is not taken. Returns the text and the copy's name. */
export function duplicateConfiguration(text: string, name: string): { text: string; name: string } {
  const { entries } = readConfigurations(text);
  const original = entries.find((entry) => entry.name === name)?.configuration;
  if (original === undefined) return { text, name };
  const taken = new Set(entries.map((entry) => entry.name));
  const base = `${name.replace(/ copy( \d+)?$/, "")} copy`;
  let copy = base;
  for (let number = 2; taken.has(copy); number++) copy = `${base} ${number}`;
  return { text: addConfiguration(text, { ...original, name: copy }), name: copy };
}

export function deleteConfiguration(text: string, name: string): string {
  const entry = readConfigurations(text).entries.find((candidate) => candidate.name === name);
  return entry === undefined ? text : remove(text, [configurationsKey, entry.index]);
}

export function addVolume(text: string, name: string, volume: RunVolume): string {
  const entry = readConfigurations(text).entries.find((candidate) => candidate.name === name);
  if (entry?.configuration === undefined) return text;
  const count = entry.configuration.volumes?.length;
  const path: JSONPath = [configurationsKey, entry.index, "volumes"];
  return count === undefined ? edit(text, path, [volume]) : edit(text, [...path, count], volume, true);
}

/**
 * Takes a member and one comma away. jsonc-parser's own removal takes along the comments before it as well.
 */
function remove(text: string, path: JSONPath): string {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const found = root && findNodeAtLocation(root, path);
  // A member's node is its value; what goes is the property around it.
  const node = found?.parent?.type === "property" ? found.parent : found;
  const parent = node?.parent;
  if (node === undefined || parent === undefined) return text;
  const siblings = parent.children ?? [];
  const index = siblings.indexOf(node);
  const [previous, next] = [siblings[index - 1], siblings[index + 1]];
  const end = node.offset + node.length;
  const before = previous === undefined ? parent.offset + 1 : previous.offset + previous.length;
  const start = before + text.slice(before, node.offset).search(/\s*$/);
  const after = commaIn(text, end, next?.offset ?? parent.offset + parent.length - 1);
  if (after !== undefined) return text.slice(0, start) + text.slice(after + 1);
  const comma = commaIn(text, before, node.offset) ?? start;
  return text.slice(0, comma) + text.slice(comma + 1, start) + text.slice(end);
}

function commaIn(text: string, start: number, end: number): number | undefined {
  const scanner = createScanner(text.slice(start, end), false);
  // SyntaxKind is a const enum: CommaToken is 5, EOF 17.
  for (let token: number = scanner.scan(); token !== 17; token = scanner.scan()) {
    if (token === 5) return start + scanner.getTokenOffset();
  }
  return undefined;
}

function edit(text: string, path: JSONPath, value: unknown, isArrayInsertion = false): string {
  const indented = /^([ \t]+)"/m.exec(text)?.[1] ?? "  ";
  return applyEdits(
    text,
    modify(text, path, value, {
      isArrayInsertion,
      formattingOptions: {
        tabSize: indented.startsWith("\t") ? 4 : indented.length,
        insertSpaces: !indented.startsWith("\t"),
        eol: text.includes("\r\n") ? "\r\n" : "\n",
      },
    }),
  );
}
