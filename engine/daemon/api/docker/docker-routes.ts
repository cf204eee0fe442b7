import { Router } from "./router.ts";
import { type ArchiveRouteServices, addArchiveRoutes } from "./routes/archive-routes.ts";
import { addBuildRoutes } from "./routes/build-routes.ts";
import { addChangeRoutes, type ChangeRouteServices } from "./routes/change-routes.ts";
import { addContainerLifeRoutes, type ContainerLifeServices } from "./routes/container-life-routes.ts";
import { addContainerRoutes, type ContainerRouteServices } from "./routes/container-routes.ts";
import { addContainerUsageRoutes, type ContainerUsageServices } from "./routes/container-usage-routes.ts";
import { addEventRoutes, type EventRouteServices } from "./routes/event-routes.ts";
import { addExecRoutes, type ExecRouteServices } from "./routes/exec-routes.ts";
import { addImageRoutes, type ImageRouteServices } from "./routes/image-routes.ts";
import { addImageTransferRoutes, type ImageTransferRouteServices } from "./routes/image-transfer-routes.ts";
import { addNetworkRoutes, type NetworkRouteServices } from "./routes/network-routes.ts";
import { addRegistryRoutes, type RegistryRouteServices } from "./routes/registry-routes.ts";
import { addStreamRoutes, type StreamRouteServices } from "./routes/stream-routes.ts";
import { addSwarmRoutes } from "./routes/swarm-routes.ts";
import { addSystemRoutes, type SystemRouteServices } from "./routes/system-routes.ts";
import { addVolumeRoutes, type VolumeRouteServices } from "./routes/volume-routes.ts";

/** What stands behind this door. */
export type DockerServices = ArchiveRouteServices &
  ChangeRouteServices &
  ContainerLifeServices &
  ContainerRouteServices &
  ContainerUsageServices &
  EventRouteServices &
  ExecRouteServices &
  ImageRouteServices &
  ImageTransferRouteServices &
  NetworkRouteServices &
  RegistryRouteServices &
  StreamRouteServices &
  SystemRouteServices &
  VolumeRouteServices;

/** The Docker Engine API's endpoints, over the engine's services. */
export function dockerRoutes(services: DockerServices): Router {
  const router = new Router();
  addSystemRoutes(router, services);
  addBuildRoutes(router);
  addEventRoutes(router, services);
  addImageRoutes(router, services);
  addImageTransferRoutes(router, services);
  addContainerRoutes(router, services);
  addContainerLifeRoutes(router, services);
  addContainerUsageRoutes(router, services);
  addNetworkRoutes(router, services);
  addRegistryRoutes(router, services);
  addSwarmRoutes(router);
  addStreamRoutes(router, services);
  addExecRoutes(router, services);
  addArchiveRoutes(router, services);
  addChangeRoutes(router, services);
  addVolumeRoutes(router, services);
  return router;
}
