import { readdirSync, readlinkSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { nativeDir } from "../../../../../native/index.ts";
import { readJsonFile } from "../../../../common/json-file.ts";
import type { VmFiles } from "../../records/vm-record.ts";
import type { CgroupLaunch, LaunchSpec } from "../launch-spec.ts";
import { cgroupLimits } from "./cgroup-limits.ts";
import { type CgroupPlace, delegatedPlace, topPlace } from "./cgroup-place.ts";
import { ownCgroup } from "./own-cgroup.ts";
import { enterOwnScope } from "./own-scope.ts";

const removalAttempts = 50;

/**
 * The cgroups of machines, as far as this system lets the engine make any. Their monitors make them and
 * remove them; here is where they are made, and what they limit.
 */
export class Cgroups {
  #place: Promise<CgroupPlace> | undefined;
  #hasAskedForScope = false;

  /** What a machine's monitor is told. */
  async launch(id: string, spec: Pick<LaunchSpec, "krun" | "simulation" | "cards">): Promise<CgroupLaunch> {
    const place = await this.place();
    if ("problem" in place) return { problem: place.problem };
    return { path: join(place.directory, `mocker-${id}`), limits: cgroupLimits(spec, place.controllers) };
  }

  /** Where they are made. Looked for anew where there was no place: what was in the way may be gone. */
  async place(): Promise<CgroupPlace> {
    this.#place ??= this.#find();
    const looked = this.#place;
    const place = await looked;
    if ("problem" in place && this.#place === looked) this.#place = undefined;
    return place;
  }

  async #find(): Promise<CgroupPlace> {
    const first = find();
    if (!("problem" in first) || process.getuid?.() === 0 || this.#hasAskedForScope) return first;
    this.#hasAskedForScope = true;
    return (await enterOwnScope()) ? find() : first;
  }
}

/** Removes the cgroup of a machine whose monitor was killed before it could. */
export async function removeLeftCgroup(files: VmFiles): Promise<void> {
  const spec = await readJsonFile<LaunchSpec>(files.specPath, 1).catch(() => undefined);
  if (!spec?.cgroup || !("path" in spec.cgroup)) return;
  for (let attempt = 0; attempt < removalAttempts; attempt++) {
    try {
      await rmdir(spec.cgroup.path);
      return;
    } catch (error) {
      // The last of its processes may still be on its way out.
      if ((error as NodeJS.ErrnoException).code !== "EBUSY") return;
      await sleep(20);
    }
  }
}

function find(): CgroupPlace {
  try {
    const own = ownCgroup();
    if (!own) return { problem: "this system has no cgroup v2" };
    if (process.getuid?.() === 0 && own.isWhole) return topPlace(own);
    return delegatedPlace(own, () => [process.pid, ...ownPrograms()]);
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Monitors and processes of networks, which an engine that had no cgroup of its own yet has started. */
function ownPrograms(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/exe`).startsWith(`${nativeDir()}/`);
      } catch {
        return false;
      }
    })
    .map(Number);
}
