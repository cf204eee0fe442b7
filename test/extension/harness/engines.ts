import { readFileSync } from "node:fs";
import type { Mocker } from "../../support/mocker.ts";

/** Engine processes of a home. */
export function enginesOf(mocker: Mocker): number[] {
  return mocker.processes().filter((pid) => {
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
      // node -- /path/engine.js
      return argv[2]?.endsWith("/engine.js");
    } catch {
      return false;
    }
  });
}
