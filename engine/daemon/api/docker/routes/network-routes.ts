import {
  ConnectBody,
  connectParams,
  DisconnectBody,
  NetworkBody,
  networkAnswer,
  networkEntry,
  networkParams,
} from "../../../../docker/api/network-body.ts";
import { isPredefinedNetwork } from "../../../../docker/network-options.ts";
import type { Networks } from "../../../networks/networks.ts";
import type { VmManager } from "../../../vms/vm-manager.ts";
import { HttpError } from "../http-error.ts";
import type { Router } from "../router.ts";

export interface NetworkRouteServices {
  networks: Pick<Networks, "create" | "inspect" | "list" | "prune" | "remove">;
  vms: Pick<VmManager, "connect" | "disconnect">;
}

export function addNetworkRoutes(router: Router, { networks, vms }: NetworkRouteServices): void {
  router.add("GET", "/networks", async (request, response) => {
    response.json((await networks.list({ filters: request.query.filters() })).map(networkEntry));
  });

  router.add("POST", "/networks/create", async (request, response) => {
    const params = networkParams(await request.json(NetworkBody));
    const { id, warnings } = await forbidding(params.name, () => networks.create(params));
    response.json({ Id: id, Warning: warnings.join("\n") }, 201);
  });

  router.add("POST", "/networks/prune", async (request, response) => {
    const { deleted } = await networks.prune({ filters: request.query.filters() });
    response.json({ NetworksDeleted: deleted.length === 0 ? null : deleted });
  });

  router.add("GET", "/networks/{id}", async (request, response) => {
    const network = request.param("id");
    const scope = request.query.text("scope") ?? "local";
    if (scope !== "local") throw new HttpError(404, `network ${network} not found`);
    response.json(networkAnswer(await networks.inspect({ network })));
  });

  router.add("DELETE", "/networks/{id}", async (request, response) => {
    const { name, id } = await networks.inspect({ network: request.param("id") });
    await forbidding(name, () => networks.remove({ network: id }));
    response.empty();
  });

  router.add("POST", "/networks/{id}/connect", async (request, response) => {
    await vms.connect(connectParams(request.param("id"), await request.json(ConnectBody)));
    response.empty(200);
  });

  router.add("POST", "/networks/{id}/disconnect", async (request, response) => {
    const { Container: vm, Force: force } = await request.json(DisconnectBody);
    await vms.disconnect({ network: request.param("id"), vm, force });
    response.empty(200);
  });
}

/** What cannot be done with a network that is none of a user's making is forbidden: 403. */
async function forbidding<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (isPredefinedNetwork(name) && error instanceof Error) throw new HttpError(403, error.message);
    throw error;
  }
}
