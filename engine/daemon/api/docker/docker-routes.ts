import { Router } from "./router.ts";
import { addSystemRoutes, type SystemRouteServices } from "./routes/system-routes.ts";
import { addVolumeRoutes, type VolumeRouteServices } from "./routes/volume-routes.ts";

/** What stands behind this door. */
export type DockerServices = SystemRouteServices & VolumeRouteServices;

/** The Docker Engine API's endpoints, over the engine's services. */
export function dockerRoutes(services: DockerServices): Router {
  const router = new Router();
  addSystemRoutes(router, services);
  addVolumeRoutes(router, services);
  return router;
}
