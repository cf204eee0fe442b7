/** What a VM's workload does. */
export type Workload = "sleep" | "count" | "exit";

/** What must be true of a VM, by what its commands have acknowledged and what was done to its processes. */
export interface ExpectedVm {
  readonly name: string;
  readonly workload: Workload;
  /** `maybe`: a command that makes or removes it did not come to its end. */
  exists: "yes" | "no" | "maybe";
  /** `unknown`: a command that starts or ends it did not come to its end. */
  runs: "yes" | "no" | "unknown";
  /** One of its processes was killed since it was last started: it may have ended with 137 at any time. */
  harmed: boolean;
  /** A command has tried to end it, and may still be at it: its code may be a signal's. */
  ended: boolean;
  /** The disk was full since it was made: how it has ended may have found no room, and be unknown. */
  unrecorded: boolean;
  /** The last number that `logs` showed of a "count" since it was last started. */
  counted: number;
}

/** With what an "exit" ends. */
export const exitCode = 7;

export function commandOf(workload: Workload): string[] {
  switch (workload) {
    case "sleep":
      return ["sleep", "100000"];
    case "exit":
      return ["sh", "-c", `exit ${exitCode}`];
    case "count":
      return ["sh", "-c", "n=0; while :; do n=$((n+1)); echo $n; usleep 2000; done"];
  }
}
