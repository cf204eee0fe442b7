import { Router } from "./router.ts";
import { addContainerLifeRoutes, type ContainerLifeServices } from "./routes/container-life-routes.ts";
import { addContainerRoutes, type ContainerRouteServices } from "./routes/container-routes.ts";
import { addContainerUsageRoutes, type ContainerUsageServices } from "./routes/container-usage-routes.ts";
import { addNetworkRoutes, type NetworkRouteServices } from "./routes/network-routes.ts";
import { addSystemRoutes, type SystemRouteServices } from "./routes/system-routes.ts";
import { addVolumeRoutes, type VolumeRouteServices } from "./routes/volume-routes.ts";

/** What stands behind this door. */
export type DockerServices = SystemRouteServices &
  ContainerRouteServices &
  ContainerLifeServices &
  ContainerUsageServices &
  NetworkRouteServices &
  VolumeRouteServices;

/** The Docker Engine API's endpoints, over the engine's services. */
export function dockerRoutes(services: DockerServices): Router {
  const router = new Router();
  addSystemRoutes(router, services);
  addContainerRoutes(router, services);
  addContainerLifeRoutes(router, services);
  addContainerUsageRoutes(router, services);
  addNetworkRoutes(router, services);
  addVolumeRoutes(router, services);
  return router;
}
