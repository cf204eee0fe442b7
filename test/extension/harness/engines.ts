import { readFileSync } from "node:fs";
import type { Mocker } from "../../support/mocker.ts";

/** Engine processes of a home. */
export function enginesOf(mocker: Mocker): number[] {
  return mocker.processes().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0")[1]?.endsWith("/engine.js");
    } catch {
      return false;
    }
  });
}
