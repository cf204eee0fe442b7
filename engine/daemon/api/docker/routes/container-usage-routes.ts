import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type Sample, statsObject } from "../../../../docker/api/stats-object.ts";
import { UpdateBody, updateParams } from "../../../../docker/api/update-params.ts";
import { MockerError } from "../../../../protocol/errors.ts";
import type { VmManager } from "../../../vms/vm-manager.ts";
import type { Router } from "../router.ts";
import { byId } from "../vm-words.ts";

export interface ContainerUsageServices {
  vms: Pick<VmManager, "find" | "stats" | "top" | "update">;
}

/** Between two samples, as in Docker. */
const sampleMs = 1000;

/** What a container uses, and how much it may. */
export function addContainerUsageRoutes(router: Router, { vms }: ContainerUsageServices): void {
  const sampleOf = async (vm: string): Promise<Sample> => {
    const stats = await vms.stats({ vm });
    return { stats, time: new Date().toISOString() };
  };

  router.add("GET", "/containers/{id}/stats", async (request, response) => {
    const { query, signal } = request;
    const { id: vm } = vms.find(request.param("id"));
    const first = await sampleOf(vm);
    if (!query.flagOr("stream", true)) {
      const isOnly = query.flag("one-shot") || !first.stats.running;
      if (!isOnly) await sleep(sampleMs, undefined, { signal });
      const latest = isOnly ? first : await sampleOf(vm);
      response.json(statsObject(latest, isOnly ? undefined : first));
      return;
    }
    response.begin("application/json");
    const { raw } = response;
    for (let before = first; ; ) {
      await sleep(sampleMs, undefined, { signal });
      const sample = await sampleOf(vm).catch((error) => gone(error));
      if (sample === "gone") break;
      // One whose guest does not answer just now has nothing to say.
      if (sample === undefined) continue;
      response.line(statsObject(sample, before));
      before = sample;
      if (raw.writableNeedDrain) await once(raw, "drain", { signal });
    }
    raw.end();
  });

  router.add("GET", "/containers/{id}/top", async (request, response) => {
    const psArgs = request.query.text("ps_args");
    const vm = vms.find(request.param("id"));
    const params = { vm: vm.id, ...(psArgs === undefined ? {} : { psArgs }) };
    const { titles, processes } = await byId(vm, () => vms.top(params));
    response.json({ Titles: titles, Processes: processes });
  });

  router.add("POST", "/containers/{id}/update", async (request, response) => {
    const { params, warnings } = updateParams(await request.json(UpdateBody));
    await vms.update({ ...params, vm: request.param("id") });
    response.json({ Warnings: warnings.length === 0 ? null : warnings });
  });
}

function gone(error: unknown): "gone" | undefined {
  return error instanceof MockerError && error.code === "VM_NOT_FOUND" ? "gone" : undefined;
}
