import * as v from "valibot";
import { isWellFormed } from "../../../docker/well-formed.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { isRecord } from "../../../protocol/params/schema.ts";

const maxPathLength = 100;

/**
 * A request's params as they are declared; members that are not declared are left out, as newer clients send
 * them.
 * @throws INVALID_ARGUMENT that names the member, and says nothing of its value, which may be secret
 */
export function checkParams<P>(method: string, schema: v.GenericSchema<unknown, P>, params: unknown): P {
  if (!isRecord(params)) throw invalid(method, `expected an object, got ${nameOf(params)}`);
  const result = v.safeParse(schema, params, { abortEarly: true });
  if (result.success) {
    const odd = pathOfOddText(result.output);
    if (odd) throw invalid(method, `${pathOf(odd)}: expected Unicode text, got half of a surrogate pair`);
    return result.output;
  }
  const [issue] = result.issues;
  const path = pathOf(issue.path ?? []);
  const isMissing = issue.input === undefined;
  throw invalid(
    method,
    `${path}: ${isMissing ? "missing" : `expected ${expectedBy(issue)}, got ${nameOf(issue.input)}`}`,
  );
}

/** Where there is text that is no Unicode: it has no UTF-8, and so no guest, file or registry takes it. */
function pathOfOddText(value: unknown): { key: unknown }[] | undefined {
  if (typeof value === "string") return isWellFormed(value) ? undefined : [];
  if (typeof value !== "object" || value === null) return undefined;
  const entries: Iterable<[unknown, unknown]> = Array.isArray(value)
    ? value.entries()
    : Object.entries(value);
  for (const [key, member] of entries) {
    if (typeof key === "string" && !isWellFormed(key)) return [{ key: "a name" }];
    const path = pathOfOddText(member);
    if (path) return [{ key }, ...path];
  }
  return undefined;
}

function invalid(method: string, what: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", `invalid request ${method}: ${what}`, {
    hint: "Clients and engine of one version understand each other: update Mocker, and restart the engine.",
  });
}

/** `mounts[0].source` */
function pathOf(path: readonly { key: unknown }[]): string {
  const text = path.reduce(
    (before, { key }) =>
      typeof key === "number" ? `${before}[${key}]` : `${before}${before === "" ? "" : "."}${key}`,
    "",
  );
  return text.length > maxPathLength ? `${text.slice(0, maxPathLength)}…` : text;
}

const kinds: Record<string, string> = {
  Array: "an array",
  Object: "an object",
  boolean: "a boolean",
  number: "a number",
  string: "a string",
};

function expectedBy({ type, expected }: v.BaseIssue<unknown>): string {
  if (type === "finite") return "a finite number";
  if (type === "custom") return "an object";
  // Of a picklist or a variant's type: ("a" | "b")
  return kinds[expected ?? ""] ?? (expected ?? "").replace(/^\(|\)$/g, "").replaceAll(" | ", " or ");
}

function nameOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number" && !Number.isFinite(value)) return "a number beyond all bounds";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
