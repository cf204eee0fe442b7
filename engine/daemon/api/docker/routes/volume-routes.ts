import * as v from "valibot";
import { volumeObject } from "../../../../docker/inspect-object.ts";
import { labels } from "../../../../protocol/params/schema.ts";
import type { VolumeService } from "../../../volumes/volume-service.ts";
import type { Router } from "../router.ts";

export interface VolumeRouteServices {
  volumes: Pick<VolumeService, "create" | "inspect" | "list" | "prune" | "remove">;
}

const Create = v.object({
  Name: v.nullish(v.string(), ""),
  Driver: v.nullish(v.string(), ""),
  DriverOpts: v.nullish(labels, {}),
  Labels: v.nullish(labels, {}),
});

export function addVolumeRoutes(router: Router, { volumes }: VolumeRouteServices): void {
  router.add("GET", "/volumes", (request, response) => {
    const list = volumes.list({ filters: request.query.filters() });
    response.json({ Volumes: list.map(volumeObject), Warnings: null });
  });

  router.add("POST", "/volumes/create", async (request, response) => {
    const { Name, Driver, DriverOpts, Labels } = await request.json(Create);
    const volume = await volumes.create({
      ...(Name === "" ? {} : { name: Name }),
      ...(Driver === "" ? {} : { driver: Driver }),
      options: DriverOpts,
      labels: Labels,
    });
    response.json(volumeObject(volume), 201);
  });

  router.add("POST", "/volumes/prune", async (request, response) => {
    const { removed, reclaimedBytes } = await volumes.prune({ filters: request.query.filters() });
    response.json({ VolumesDeleted: removed, SpaceReclaimed: reclaimedBytes });
  });

  router.add("GET", "/volumes/{name}", (request, response) => {
    response.json(volumeObject(volumes.inspect({ name: request.param("name") })));
  });

  router.add("DELETE", "/volumes/{name}", async (request, response) => {
    await volumes.remove({ name: request.param("name"), force: request.query.flag("force") });
    response.empty();
  });
}
