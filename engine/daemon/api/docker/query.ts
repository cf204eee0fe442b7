import type { Filters } from "../../../docker/filters.ts";
import { isRecord } from "../../../protocol/params/schema.ts";
import { HttpError } from "./http-error.ts";

/** A request's query, read as dockerd reads it (moby, api/server/httputils/form.go). */
export class Query {
  readonly #params: URLSearchParams;

  constructor(text: string) {
    this.#params = new URLSearchParams(text);
  }

  /** The first value; undefined where it is missing or empty. */
  text(name: string): string | undefined {
    return this.#params.get(name) || undefined;
  }

  /** Every value. */
  texts(name: string): string[] {
    return this.#params.getAll(name);
  }

  has(name: string): boolean {
    return this.#params.has(name);
  }

  /** False where it is missing, empty, `0`, `no`, `false` or `none`. */
  flag(name: string): boolean {
    return !["", "0", "no", "false", "none"].includes((this.#params.get(name) ?? "").trim().toLowerCase());
  }

  /** The same, but for what it is where it is missing or empty. */
  flagOr(name: string, otherwise: boolean): boolean {
    return this.text(name) === undefined ? otherwise : this.flag(name);
  }

  /** @throws HttpError where it is no integer */
  integer(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^[-+]?\d{1,15}$/.test(text)) return Number(text);
    throw new HttpError(400, `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  }

  /**
   * `filters`, of either form: `{"name":{"a":true}}` of Go's clients, `{"name":["a"]}` of others.
   * @throws HttpError for what is neither
   */
  filters(name = "filters"): Filters {
    const text = this.text(name);
    if (text === undefined) return {};
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      throw new HttpError(400, "invalid filter");
    }
    if (parsed === null) return {};
    if (!isRecord(parsed)) throw new HttpError(400, "invalid filter");
    return Object.fromEntries(Object.entries(parsed).map(([key, values]) => [key, filterValues(values)]));
  }
}

function filterValues(values: unknown): string[] {
  if (Array.isArray(values)) {
    if (values.every((value) => typeof value === "string")) return values;
  } else if (isRecord(values)) {
    // Go's clients write false for nothing: a value is there or it is not.
    return Object.keys(values).filter((value) => values[value] !== false);
  }
  throw new HttpError(400, "invalid filter");
}
