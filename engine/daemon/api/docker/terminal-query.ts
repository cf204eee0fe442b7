import { defaultDetachKeys, parseDetachKeys } from "../../../docker/detach-keys.ts";
import { HttpError } from "./http-error.ts";
import type { Query } from "./query.ts";

/** Nothing stands for the usual ones. @throws HttpError in dockerd's words */
export function detachKeys(text: string | undefined): readonly number[] {
  try {
    return parseDetachKeys(text || defaultDetachKeys);
  } catch {
    throw new HttpError(400, `Invalid detach keys (${text}) provided`);
  }
}

/** `h` and `w` of a query. @throws HttpError in dockerd's words */
export function terminalSize(query: Query): { rows: number; columns: number } {
  return { rows: side(query, "h", "height"), columns: side(query, "w", "width") };
}

function side(query: Query, name: string, called: string): number {
  const text = query.text(name) ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new HttpError(400, `invalid resize ${called} ${JSON.stringify(text)}: invalid syntax`);
}
