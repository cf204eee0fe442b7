import { ContainerBody } from "../../../../docker/api/container-body.ts";
import { containerEntry, containerObject } from "../../../../docker/api/container-object.ts";
import { containerParams } from "../../../../docker/api/container-params.ts";
import { invalid } from "../../../../docker/api/invalid.ts";
import { containerSizes } from "../../../../docker/api/usage-object.ts";
import { type ErrorCode, MockerError } from "../../../../protocol/errors.ts";
import type { VmDetails, VmListParams, VmSummary } from "../../../../protocol/vm.ts";
import type { SystemService } from "../../../system/system-service.ts";
import type { VmManager } from "../../../vms/vm-manager.ts";
import { HttpError } from "../http-error.ts";
import type { Query } from "../query.ts";
import type { Router } from "../router.ts";

/** What a new container names beside its image. */
const others: readonly ErrorCode[] = ["NETWORK_NOT_FOUND", "VM_NOT_FOUND", "VOLUME_NOT_FOUND"];

export interface ContainerRouteServices {
  vms: Pick<VmManager, "create" | "inspect" | "list" | "prune" | "remove" | "rename">;
  system: Pick<SystemService, "usage">;
}

/** Which containers there are, and what they are. */
export function addContainerRoutes(router: Router, { vms, system }: ContainerRouteServices): void {
  router.add("POST", "/containers/create", async (request, response) => {
    const { query } = request;
    // Some clients repeat the whole body in the query: nothing else is read from there.
    const place = { name: query.text("name"), platform: query.text("platform") };
    const { params, warnings } = containerParams(await request.json(ContainerBody), place);
    const created = await vms.create(params).catch((error) => {
      // For a 404 clients pull the image, and create it once more.
      const isOther = error instanceof MockerError && others.includes(error.code);
      throw isOther ? new HttpError(400, error.message) : error;
    });
    response.json({ Id: created.id, Warnings: [...warnings, ...created.warnings] }, 201);
  });

  router.add("GET", "/containers/json", async (request, response) => {
    const list = await vms.list(listParams(request.query));
    const sizes =
      request.query.flag("size") && list.length > 0 ? containerSizes(await system.usage()) : undefined;
    response.json(list.map((vm) => containerEntry(vm, detailsOf(vms, vm), sizes?.(vm))));
  });

  router.add("POST", "/containers/prune", async (request, response) => {
    const { removed, reclaimedBytes } = await vms.prune({ filters: request.query.filters() });
    response.json({
      ContainersDeleted: removed.length === 0 ? null : removed,
      SpaceReclaimed: reclaimedBytes,
    });
  });

  router.add("GET", "/containers/{id}/json", async (request, response) => {
    const details = vms.inspect({ vm: request.param("id") });
    const sizes = request.query.flag("size") ? containerSizes(await system.usage()) : undefined;
    response.json(containerObject(details, sizes?.(details)));
  });

  router.add("POST", "/containers/{id}/rename", async (request, response) => {
    await vms.rename({ vm: request.param("id"), name: request.query.text("name") ?? "" });
    response.empty();
  });

  router.add("DELETE", "/containers/{id}", async (request, response) => {
    const { query } = request;
    const vm = request.param("id");
    if (query.flag("link")) {
      vms.inspect({ vm });
      throw invalid("links are made with a container, and go with it");
    }
    await vms.remove({ vm, force: query.flag("force"), volumes: query.flag("v") });
    response.empty();
  });
}

function listParams(query: Query): VmListParams {
  const { status, ...filters } = query.filters();
  // Docker knows no "failed": such a VM has exited.
  const states = status?.includes("exited") ? [...status, "failed"] : status;
  const limit = query.integer("limit") ?? 0;
  return {
    all: query.flag("all"),
    ...(limit > 0 ? { last: limit } : {}),
    filters: { ...filters, ...(states === undefined ? {} : { status: states }) },
  };
}

/** Undefined for one whose record cannot be read, and one that was removed just now. */
function detailsOf(vms: Pick<VmManager, "inspect">, { id, state }: VmSummary): VmDetails | undefined {
  if (state === "dead") return undefined;
  try {
    return vms.inspect({ vm: id });
  } catch {
    return undefined;
  }
}
