import { MockerError } from "../protocol/errors.ts";

/**
 * Linux's signals below the real-time ones, with their other names: of a guest, which is a Linux whatever the
 * host is. Numbers as in asm-generic/signal.h, which x86-64 and arm64 use; names as moby's `signal.SignalMap`
 * has them.
 */
const numbers: ReadonlyMap<string, number> = new Map(
  [
    ["HUP"],
    ["INT"],
    ["QUIT"],
    ["ILL"],
    ["TRAP"],
    ["ABRT", "IOT"],
    ["BUS"],
    ["FPE"],
    ["KILL"],
    ["USR1"],
    ["SEGV"],
    ["USR2"],
    ["PIPE"],
    ["ALRM"],
    ["TERM"],
    ["STKFLT"],
    ["CHLD", "CLD"],
    ["CONT"],
    ["STOP"],
    ["TSTP"],
    ["TTIN"],
    ["TTOU"],
    ["URG"],
    ["XCPU"],
    ["XFSZ"],
    ["VTALRM"],
    ["PROF"],
    ["WINCH"],
    ["IO", "POLL"],
    ["PWR"],
    ["SYS", "UNUSED"],
  ].flatMap((names, index) => names.map((name): [string, number] => [name, index + 1])),
);

/** `HUP`, `INT`, …, without other names for the same, nor real-time signals. */
export const signalNames: readonly string[] = [...numbers]
  .filter(([, number], index, all) => all[index - 1]?.[1] !== number)
  .map(([name]) => name);

/** The real-time signals as programs count them: the C library keeps 32 and 33 for itself. */
const firstRealTime = 34;
const lastRealTime = 64;

/**
 * Number, in a guest, of a signal given as Docker takes it: `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3`.
 * @throws MockerError INVALID_ARGUMENT
 */
export function signalNumber(text: string): number {
  const name = text.trim().toUpperCase();
  if (/^\d+$/.test(name)) {
    const number = Number(name);
    if (number >= 1 && number <= lastRealTime) return number;
  }
  const short = name.replace(/^SIG/, "");
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(short);
  if (realTime) {
    const base = realTime[1] === "MIN" ? firstRealTime : lastRealTime;
    const number = base + Number(realTime[3] ?? 0) * (realTime[2] === "-" ? -1 : 1);
    if (number >= firstRealTime && number <= lastRealTime) return number;
  }
  const number = numbers.get(short);
  if (number === undefined) throw new MockerError("INVALID_ARGUMENT", `invalid signal: ${text}`);
  return number;
}
