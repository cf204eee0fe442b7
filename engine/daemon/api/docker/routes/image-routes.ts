import {
  historyObjects,
  imageInspectObject,
  imageListObject,
  removedObjects,
} from "../../../../docker/api/image-objects.ts";
import { since } from "../../../../docker/api/versions.ts";
import { parseReference } from "../../../../docker/reference.ts";
import type { ImageStore } from "../../../images/image-store.ts";
import { HttpError } from "../http-error.ts";
import { platformOf, platformsOf } from "../platform-query.ts";
import { pruneScope } from "../prune-scope.ts";
import type { Router } from "../router.ts";

export interface ImageRouteServices {
  images: Pick<ImageStore, "get" | "history" | "list" | "prune" | "remove" | "tag" | "usage">;
}

/** Images of the store; how they come and go is in image-transfer-routes.ts. */
export function addImageRoutes(router: Router, { images }: ImageRouteServices): void {
  router.add("GET", "/images/json", async ({ query, minor }, response) => {
    const list = await images.list(query.filters());
    const shared = new Map<string, number>();
    if (query.flag("shared-size") && minor >= since.typedUsage) {
      const { items } = await images.usage();
      for (const { image, sharedBytes } of items) shared.set(image.id, sharedBytes);
    }
    response.json(
      list.map((image) => {
        const sharedBytes = shared.get(image.id);
        return imageListObject(image, minor, sharedBytes === undefined ? {} : { sharedBytes });
      }),
    );
  });

  router.add("POST", "/images/prune", async ({ query }, response) => {
    const result = await images.prune(pruneScope(query.filters()));
    const removed = removedObjects(result);
    response.json({
      ImagesDeleted: removed.length === 0 ? null : removed,
      SpaceReclaimed: result.reclaimedBytes,
    });
  });

  router.add("GET", "/images/{name*}/json", async (request, response) => {
    const { platform } = platformOf(request.query);
    const image = await images.get(request.param("name"), platform);
    response.json(imageInspectObject(image, request.minor));
  });

  router.add("GET", "/images/{name*}/history", async (request, response) => {
    const { platform } = platformOf(request.query);
    const name = request.param("name");
    const history = await images.history(name, platform);
    response.json(historyObjects(history, await images.get(name, platform)));
  });

  router.add("POST", "/images/{name*}/tag", async (request, response) => {
    const { query } = request;
    const repository = query.text("repo") ?? "";
    const tag = query.text("tag");
    const target = tag === undefined ? repository : `${repository}:${tag}`;
    // In the words of a reference, without those of the command `tag`.
    parseReference(target);
    await images.tag(request.param("name"), target);
    response.empty(201);
  });

  router.add("DELETE", "/images/{name*}", async (request, response) => {
    const name = request.param("name");
    if (name.trim() === "") throw new HttpError(400, "image name cannot be blank");
    const force = request.query.flag("force");
    const platforms = platformsOf(request.query, "platforms");
    const removed = [];
    for (const platform of platforms.length === 0 ? [undefined] : platforms)
      removed.push(...removedObjects(await images.remove(name, { force, platform })));
    response.json(removed);
  });
}
