import type { Health, VmState } from "../protocol/vm.ts";
import { humanDuration } from "./durations.ts";

/** Docker's words for a state, e.g. `Up 3 seconds`, `Exited (0) 2 minutes ago`. */
export function statusText(
  vm: {
    state: VmState;
    startedAt: string | undefined;
    finishedAt: string | undefined;
    exitCode: number | undefined;
    /** Of one with a health check. */
    health?: Health["status"] | undefined;
  },
  now: number,
): string {
  switch (vm.state) {
    case "created":
      return "Created";
    case "running":
      return `Up ${since(vm.startedAt, now)}${healthText(vm.health)}`;
    case "paused":
      return `Up ${since(vm.startedAt, now)} (Paused)`;
    case "restarting":
      return `Restarting (${vm.exitCode ?? 0}) ${since(vm.finishedAt, now)} ago`;
    case "dead":
      return "Dead";
    case "exited":
    case "failed":
      return `${vm.state === "exited" ? "Exited" : "Failed"} (${vm.exitCode ?? 0}) ${since(vm.finishedAt, now)} ago`;
  }
}

function healthText(health: Health["status"] | undefined): string {
  if (health === undefined) return "";
  return health === "starting" ? " (health: starting)" : ` (${health})`;
}

function since(time: string | undefined, now: number): string {
  return humanDuration(time === undefined ? 0 : Math.max(0, now - Date.parse(time)));
}
