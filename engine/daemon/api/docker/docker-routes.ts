import { Router } from "./router.ts";
import { addImageRoutes, type ImageRouteServices } from "./routes/image-routes.ts";
import { addImageTransferRoutes, type ImageTransferRouteServices } from "./routes/image-transfer-routes.ts";
import { addStreamRoutes, type StreamRouteServices } from "./routes/stream-routes.ts";
import { addSystemRoutes, type SystemRouteServices } from "./routes/system-routes.ts";
import { addVolumeRoutes, type VolumeRouteServices } from "./routes/volume-routes.ts";

/** What stands behind this door. */
export type DockerServices = ImageRouteServices &
  ImageTransferRouteServices &
  StreamRouteServices &
  SystemRouteServices &
  VolumeRouteServices;

/** The Docker Engine API's endpoints, over the engine's services. */
export function dockerRoutes(services: DockerServices): Router {
  const router = new Router();
  addSystemRoutes(router, services);
  addImageRoutes(router, services);
  addImageTransferRoutes(router, services);
  addStreamRoutes(router, services);
  addVolumeRoutes(router, services);
  return router;
}
