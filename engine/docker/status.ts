import type { VmState } from "../protocol/vm.ts";
import { humanDuration } from "./durations.ts";

/** Docker's words for a state, e.g. `Up 3 seconds`, `Exited (0) 2 minutes ago`. */
export function statusText(
  vm: {
    state: VmState;
    startedAt: string | undefined;
    finishedAt: string | undefined;
    exitCode: number | undefined;
  },
  now: number,
): string {
  switch (vm.state) {
    case "created":
      return "Created";
    case "running":
      return `Up ${since(vm.startedAt, now)}`;
    case "paused":
      return `Up ${since(vm.startedAt, now)} (Paused)`;
    case "dead":
      return "Dead";
    case "exited":
    case "failed":
      return `${vm.state === "exited" ? "Exited" : "Failed"} (${vm.exitCode ?? 0}) ${since(vm.finishedAt, now)} ago`;
  }
}

function since(time: string | undefined, now: number): string {
  return humanDuration(time === undefined ? 0 : Math.max(0, now - Date.parse(time)));
}
