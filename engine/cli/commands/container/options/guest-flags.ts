/** The flags of `run` and `create` about what the guest lets its processes do. */

import { parseUlimit } from "../../../../docker/run-options/ulimits.ts";
import { parseMemory } from "../../../../docker/sizes.ts";
import type { GuestOptions, VmCreateParams } from "../../../../protocol/index.ts";
import {
  acceptedFlag,
  booleanFlag,
  type FlagValues,
  integerFlag,
  listFlag,
  textListFlag,
  valueFlag,
} from "../../../flags.ts";

export const guestFlags = {
  annotation: listFlag(
    undefined,
    "map",
    "Add an annotation to the container (passed through to the OCI runtime)",
    (text) => text,
  ),
  "cap-add": textListFlag(undefined, "Add Linux capabilities"),
  "cap-drop": textListFlag(undefined, "Drop Linux capabilities"),
  "group-add": textListFlag(undefined, "Add additional groups to join"),
  init: acceptedFlag(
    booleanFlag(undefined, "Run an init inside the container that forwards signals and reaps processes"),
    "every VM has the guest agent, which does both",
  ),
  "oom-score-adj": integerFlag(undefined, "Tune host's OOM preferences (-1000 to 1000)"),
  "pids-limit": integerFlag(undefined, "Tune container pids limit (set -1 for unlimited)"),
  privileged: booleanFlag(undefined, "Give extended privileges to this container"),
  "read-only": booleanFlag(undefined, "Mount the container's root filesystem as read only"),
  "shm-size": valueFlag(undefined, "bytes", "Size of /dev/shm", parseMemory),
  "storage-opt": textListFlag(undefined, "Storage driver options for the container"),
  sysctl: listFlag(undefined, "map", "Sysctl options", (text) => {
    if (!text.includes("=")) throw new Error(`sysctl '${text}' is not allowed`);
    return text;
  }),
  ulimit: listFlag(undefined, "ulimit", "Ulimit options", parseUlimit),
} as const;

/** The part of `vm/create`. Throws Error in Docker's words. */
export function guestParams(
  flags: FlagValues<typeof guestFlags>,
): Pick<VmCreateParams, "guest" | "annotations"> {
  const guest: GuestOptions = {
    ...(flags.privileged ? { privileged: true } : {}),
    ...(flags.init ? { init: true } : {}),
    ...(flags["read-only"] ? { readOnly: true } : {}),
    ...(flags["shm-size"] ? { shmSizeBytes: flags["shm-size"] } : {}),
    ...(flags.ulimit.length > 0 ? { ulimits: [...flags.ulimit] } : {}),
    ...(flags.sysctl.length > 0 ? { sysctls: keyValues(flags.sysctl) } : {}),
    ...(flags["group-add"].length > 0 ? { groupAdd: [...flags["group-add"]] } : {}),
    ...(flags["cap-add"].length > 0 ? { capAdd: [...flags["cap-add"]] } : {}),
    ...(flags["cap-drop"].length > 0 ? { capDrop: [...flags["cap-drop"]] } : {}),
    ...(flags["pids-limit"] ? { pidsLimit: flags["pids-limit"] } : {}),
    ...(flags["oom-score-adj"] ? { oomScoreAdj: flags["oom-score-adj"] } : {}),
    ...storage(flags["storage-opt"]),
  };
  return {
    ...(Object.keys(guest).length > 0 ? { guest } : {}),
    ...(flags.annotation.length > 0 ? { annotations: keyValues(flags.annotation) } : {}),
  };
}

function storage(options: readonly string[]): Pick<GuestOptions, "storageSizeBytes"> {
  let size: number | undefined;
  for (const option of options) {
    if (!option.includes("=")) throw new Error("invalid storage option");
    const [key, value = ""] = option.split("=");
    if (key !== "size") throw new Error(`unknown option ${key}: the only storage option is size`);
    size = parseMemory(value);
  }
  return size === undefined ? {} : { storageSizeBytes: size };
}

/** The last of a key counts; one without a value is empty. */
function keyValues(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf("=");
      return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}
