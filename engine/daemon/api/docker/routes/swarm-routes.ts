import { HttpError } from "../http-error.ts";
import type { Router } from "../router.ts";

/** dockerd's words on a machine that is in no swarm (moby, daemon/cluster/errors.go). */
const noManager =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

const ofSwarms = ["configs", "nodes", "secrets", "services", "swarm", "tasks"];

/** There are neither swarms nor plugins here: answers as of a machine that has none. */
export function addSwarmRoutes(router: Router): void {
  for (const path of ["/swarm/init", "/swarm/join"]) {
    router.add("POST", path, () => {
      throw new HttpError(501, "Mocker has no swarms: its microVMs are of one machine");
    });
  }
  router.add("POST", "/swarm/leave", () => {
    throw new HttpError(503, "This node is not part of a swarm");
  });
  for (const method of ["GET", "POST", "DELETE"]) {
    for (const path of ofSwarms.flatMap((noun) => [`/${noun}`, `/${noun}/{rest*}`])) {
      router.add(method, path, () => {
        throw new HttpError(503, noManager);
      });
    }
  }

  router.add("GET", "/plugins", (_, response) => response.json([]));
  router.add("GET", "/plugins/{name*}/json", (request) => {
    throw new HttpError(404, `plugin "${request.param("name")}" not found`);
  });
  for (const [method, path] of [
    ["GET", "/plugins/privileges"],
    ["POST", "/plugins/{rest*}"],
    ["DELETE", "/plugins/{rest*}"],
  ] as const) {
    router.add(method, path, () => {
      throw new HttpError(501, "Mocker has no plugins");
    });
  }
}
