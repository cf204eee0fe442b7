/** The flags of `run` and `create` about health checks and restarts. */
import { parseDuration } from "../../../../docker/durations.ts";
import { parseRestartPolicy } from "../../../../docker/run-options/restart-policy.ts";
import type { Healthcheck, VmCreateParams } from "../../../../protocol/index.ts";
import { booleanFlag, type FlagValues, integerFlag, stringFlag, valueFlag } from "../../../flags.ts";

/** Milliseconds. */
function durationFlag(description: string) {
  return valueFlag(
    undefined,
    "duration",
    `${description} (ms|s|m|h)`,
    (text) => {
      const sign = text.startsWith("-") ? -1 : 1;
      const ms = text === "0" ? 0 : parseDuration(text.replace(/^[+-]/, ""));
      if (ms === undefined) throw new Error(`time: invalid duration ${JSON.stringify(text)}`);
      return sign * ms;
    },
    "0s",
  );
}

export const policyFlags = {
  "health-cmd": stringFlag(undefined, "Command to run to check health"),
  "health-interval": durationFlag("Time between running the check"),
  "health-retries": integerFlag(undefined, "Consecutive failures needed to report unhealthy"),
  "health-start-interval": durationFlag("Time between running the check during the start period"),
  "health-start-period": durationFlag(
    "Start period for the container to initialize before starting health-retries countdown",
  ),
  "health-timeout": durationFlag("Maximum time to allow one check to run"),
  "no-healthcheck": booleanFlag(undefined, "Disable any container-specified HEALTHCHECK"),
  restart: stringFlag(undefined, "Restart policy to apply when a container exits", "no"),
} as const;

type PolicyFlagValues = FlagValues<typeof policyFlags>;

/** The part of `vm/create`. Throws Error in Docker's words, or MockerError. */
export function policyParams(
  flags: PolicyFlagValues & { readonly rm: boolean },
): Pick<VmCreateParams, "restart" | "healthcheck"> {
  const restart = parseRestartPolicy(flags.restart ?? "");
  if (flags.rm && restart.name !== "no")
    throw new Error("conflicting options: cannot specify both --restart and --rm");
  const healthcheck = healthcheckOf(flags);
  return {
    ...(restart.name === "no" ? {} : { restart }),
    ...(healthcheck === undefined ? {} : { healthcheck }),
  };
}

function healthcheckOf(flags: PolicyFlagValues): Healthcheck | undefined {
  const numbers = {
    intervalMs: ["health-interval", flags["health-interval"]],
    timeoutMs: ["health-timeout", flags["health-timeout"]],
    retries: ["health-retries", flags["health-retries"]],
    startPeriodMs: ["health-start-period", flags["health-start-period"]],
    startIntervalMs: ["health-start-interval", flags["health-start-interval"]],
  } as const;
  const check: Healthcheck = flags["health-cmd"] ? { test: ["CMD-SHELL", flags["health-cmd"]] } : {};
  for (const key of ["intervalMs", "timeoutMs", "retries", "startPeriodMs", "startIntervalMs"] as const) {
    const [flag, value = 0] = numbers[key];
    if (value < 0) throw new Error(`--${flag} cannot be negative`);
    if (value > 0) check[key] = value;
  }
  const isGiven = Object.keys(check).length > 0;
  if (!flags["no-healthcheck"]) return isGiven ? check : undefined;
  if (isGiven) throw new Error("--no-healthcheck conflicts with --health-* options");
  return { test: ["NONE"] };
}
