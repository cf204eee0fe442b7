import { constants } from "node:os";
import { MockerError } from "../protocol/errors.ts";

/** Number of a signal given as Docker takes it: `TERM`, `SIGTERM`, `15`, `RTMIN+3`. */
export function signalNumber(text: string): number {
  const name = text.trim().toUpperCase();
  if (/^\d+$/.test(name)) {
    const number = Number(name);
    if (number >= 1 && number <= 64) return number;
  }
  const full = name.startsWith("SIG") ? name : `SIG${name}`;
  const realTime = /^SIGRT(MIN|MAX)(?:([+-])(\d+))?$/.exec(full);
  if (realTime) {
    const base = realTime[1] === "MIN" ? 34 : 64;
    const offset = Number(realTime[3] ?? 0) * (realTime[2] === "-" ? -1 : 1);
    if (base + offset >= 34 && base + offset <= 64) return base + offset;
  }
  const number = (constants.signals as Record<string, number | undefined>)[full];
  if (number === undefined) throw new MockerError("INVALID_ARGUMENT", `Invalid signal: ${text}`);
  return number;
}
