import { HttpError } from "../http-error.ts";
import type { Router } from "../router.ts";

/**
 * Nothing is built here, and nothing is cached. `/grpc` and `/session`, by which a BuildKit is reached, are
 * no pages: so clients can tell that there is none.
 */
export function addBuildRoutes(router: Router): void {
  router.add("POST", "/build", () => {
    throw new HttpError(
      501,
      "Mocker cannot build images yet: there is no `mocker build`. Build the image elsewhere, then pull it or load it with `docker load`",
    );
  });
  // `docker system prune` asks for it.
  router.add("POST", "/build/prune", (_, response) =>
    response.json({ CachesDeleted: null, SpaceReclaimed: 0 }),
  );
  router.add("POST", "/build/cancel", ({ query }, response) => {
    if (query.text("id") === undefined) throw new HttpError(400, "build ID not provided");
    response.empty(200);
  });
}
