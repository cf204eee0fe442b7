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

/** `h` and `w` of a query. @throws HttpError in Go's words */
export function terminalSize(query: Query): { rows: number; columns: number } {
  const side = (name: string): number => {
    const value = query.integer(name);
    if (value !== undefined) return value;
    throw new HttpError(400, 'strconv.Atoi: parsing "": invalid syntax');
  };
  return { rows: side("h"), columns: side("w") };
}
