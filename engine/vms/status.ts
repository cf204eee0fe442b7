import type { VmState } from "../protocol/vm.ts";

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
    case "exited":
    case "failed":
      return `${vm.state === "exited" ? "Exited" : "Failed"} (${vm.exitCode ?? 0}) ${since(vm.finishedAt, now)} ago`;
  }
}

function since(time: string | undefined, now: number): string {
  return humanDuration(time === undefined ? 0 : Math.max(0, now - Date.parse(time)));
}

/** go-units' HumanDuration. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}
