import { matchesLabel, parseFilterBoolean } from "../../docker/filters.ts";
import { mountSource } from "../../docker/mount.ts";
import { parseExpose } from "../../docker/ports.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { VmSummary } from "../../protocol/vm.ts";
import { canonicalTarget } from "./runtimes/guest-mounts.ts";

const known = [
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "is-task",
  "label",
  "name",
  "network",
  "publish",
  "runtime",
  "since",
  "status",
  "volume",
] as const;
type Filter = (typeof known)[number];

/** What the filters that name other objects need. */
export interface FilterContext {
  /** Newest first. */
  all: VmSummary[];
  /** Image id for a reference, or undefined when there is no such image. */
  imageId(reference: string): Promise<string | undefined>;
  /** Finds a VM or throws VM_NOT_FOUND. */
  find(vm: string): VmSummary;
  /** Of the network with this name; empty where there is none. */
  networkId(name: string): string;
}

/**
 * Docker's `ps` filters: values of one key are alternatives (labels must all hold), different keys must all
 * hold.
 */
export async function filterVms(
  vms: VmSummary[],
  filters: Record<string, string[]>,
  context: FilterContext,
): Promise<VmSummary[]> {
  let kept = vms;
  for (const [key, values] of Object.entries(filters)) {
    if (!(known as readonly string[]).includes(key)) {
      throw new MockerError("INVALID_ARGUMENT", `invalid filter '${key}'`, {
        hint: `The filters are: ${known.join(", ")}.`,
      });
    }
    const tests = await Promise.all(values.map((value) => test(key as Filter, value, context)));
    kept = kept.filter((vm) => (key === "label" ? tests.every((t) => t(vm)) : tests.some((t) => t(vm))));
  }
  return kept;
}

async function test(key: Filter, value: string, context: FilterContext): Promise<(vm: VmSummary) => boolean> {
  switch (key) {
    case "id":
      return (vm) => vm.id.startsWith(value);
    case "name": {
      const pattern = regex(value);
      return (vm) => pattern.test(vm.name) || pattern.test(`/${vm.name}`);
    }
    case "status":
      if (
        !["created", "running", "paused", "exited", "failed", "dead", "restarting", "removing"].includes(
          value,
        )
      ) {
        throw new MockerError(
          "INVALID_ARGUMENT",
          `invalid filter 'status=${value}': invalid value for state (${value}): must be one of created, running, paused, restarting, removing, exited, dead`,
        );
      }
      return (vm) => vm.state === value;
    case "exited": {
      if (!/^-?\d+$/.test(value))
        throw new MockerError("INVALID_ARGUMENT", `invalid filter 'exited=${value}'`);
      return (vm) => vm.state === "exited" && vm.exitCode === Number(value);
    }
    case "health":
      if (!["starting", "healthy", "unhealthy", "none"].includes(value))
        throw new MockerError(
          "INVALID_ARGUMENT",
          `invalid filter 'health=${value}': invalid value for health (${value}): must be one of none, starting, healthy, unhealthy`,
        );
      return (vm) => (vm.healthStatus ?? "none") === value;
    case "label":
      return (vm) => matchesLabel(vm.labels, value);
    case "ancestor": {
      const imageId = await context.imageId(value);
      return (vm) => vm.imageId === imageId || vm.image === value;
    }
    case "volume":
      return ({ mounts }) =>
        mounts.some((mount) => mountSource(mount) === value || canonicalTarget(mount.target) === value);
    case "is-task": {
      // None is: tasks are a swarm's.
      const wanted = parseFilterBoolean(key, value);
      return () => !wanted;
    }
    case "runtime":
      return (vm) => vm.runtime === value;
    case "publish":
    case "expose": {
      const wanted = portFilter(key, value);
      // As in Docker, of what runs.
      return ({ ports }) =>
        ports.some(({ guestPort, protocol, host }) => {
          // As in Docker, a port is published by its number on the host.
          const port = key === "expose" ? guestPort : host?.port;
          return wanted.includes(`${port}/${protocol}`);
        });
    }
    case "network":
      return (vm) =>
        vm.networks.some((name) => name === value || (value !== "" && context.networkId(name) === value));
    case "before":
    case "since": {
      const pivot = context.all.findIndex((vm) => vm.id === context.find(value).id);
      return (vm) => {
        const index = context.all.findIndex((other) => other.id === vm.id);
        return key === "before" ? index > pivot : index < pivot;
      };
    }
  }
}

/** Docker's `80`, `80/udp` or `80-82`. @throws INVALID_ARGUMENT */
function portFilter(key: string, value: string): string[] {
  try {
    return parseExpose(value);
  } catch {
    throw new MockerError("INVALID_ARGUMENT", `invalid filter '${key}=${value}'`);
  }
}

function regex(value: string): RegExp {
  try {
    return new RegExp(value);
  } catch {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `invalid filter 'name=${value}': it is not a regular expression`,
    );
  }
}
