/** What a health check is made of, and Docker's rules for it (moby's daemon/health.go and container.go). */
import { MockerError } from "../../protocol/errors.ts";
import type { Healthcheck } from "../../protocol/vm.ts";

/** What absent members, and those that are 0, mean. */
export const healthcheckDefaults = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  startPeriodMs: 0,
  startIntervalMs: 5_000,
  retries: 3,
} as const;

/** The user's check, with what it leaves open from the image's; undefined for none. */
export function mergeHealthcheck(
  image: Healthcheck | undefined,
  own: Healthcheck | undefined,
): Healthcheck | undefined {
  const test = own?.test && own.test.length > 0 ? own.test : image?.test;
  if (!test || test.length === 0 || test[0] === "NONE") return undefined;
  const merged: Healthcheck = { test };
  for (const key of ["intervalMs", "timeoutMs", "startPeriodMs", "startIntervalMs", "retries"] as const) {
    const value = own?.[key] || image?.[key];
    if (value) merged[key] = value;
  }
  return merged;
}

/** @throws INVALID_ARGUMENT in Docker's words */
export function checkHealthcheck(check: Healthcheck): void {
  const durations = {
    Interval: check.intervalMs,
    Timeout: check.timeoutMs,
    StartPeriod: check.startPeriodMs,
    StartInterval: check.startIntervalMs,
  };
  for (const [name, ms = 0] of Object.entries(durations)) {
    if (ms !== 0 && ms < 1) throw invalid(`${name} in Healthcheck cannot be less than 1ms`);
  }
  if ((check.retries ?? 0) < 0) throw invalid("Retries in Healthcheck cannot be negative");
  const [kind] = check.test ?? [];
  if (kind !== undefined && kind !== "" && !["NONE", "CMD", "CMD-SHELL"].includes(kind))
    throw invalid(`Unknown healthcheck type '${kind}' (expected 'CMD')`);
}

/** The command of a check. */
export function healthcheckCommand({ test = [] }: Healthcheck): string[] {
  const [kind, ...words] = test;
  return kind === "CMD" ? words : ["/bin/sh", "-c", words.join(" ")];
}

function invalid(message: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message);
}
