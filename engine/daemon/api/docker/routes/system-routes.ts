import { arch, hostname, platform } from "node:os";
import { engineInfoObject, goArchitecture } from "../../../../docker/api/info-object.ts";
import { usageObject } from "../../../../docker/api/usage-object.ts";
import { since } from "../../../../docker/api/versions.ts";
import type { SystemService } from "../../../system/system-service.ts";
import type { ApiResponse } from "../api-response.ts";
import { newestMinor, oldestMinor } from "../api-version.ts";
import type { Router } from "../router.ts";

export interface SystemRouteServices {
  system: Pick<SystemService, "info" | "usage">;
}

/** What concerns the whole engine. */
export function addSystemRoutes(router: Router, { system }: SystemRouteServices): void {
  const ping = (response: ApiResponse, body: string): void => {
    const { raw } = response;
    // Not BuildKit: there is none, and clients say so more clearly of the other.
    raw.setHeader("Builder-Version", "1");
    raw.setHeader("Cache-Control", "no-cache, no-store, must-revalidate");
    raw.setHeader("Pragma", "no-cache");
    raw.setHeader("Swarm", "inactive");
    response.text(body);
  };
  router.add("HEAD", "/_ping", (_, response) => ping(response, ""));
  router.add("GET", "/_ping", (_, response) => ping(response, "OK"));

  router.add("GET", "/version", async (_, response) => {
    const { version, hostKernelVersion } = await system.info();
    const details = {
      ApiVersion: `1.${newestMinor}`,
      Arch: goArchitecture(arch()),
      BuildTime: "",
      Experimental: "false",
      GitCommit: "",
      GoVersion: "",
      KernelVersion: hostKernelVersion,
      MinAPIVersion: `1.${oldestMinor}`,
      Os: platform(),
    };
    response.json({
      Platform: { Name: "Mocker" },
      Components: [{ Name: "Engine", Version: version, Details: details }],
      Version: version,
      ApiVersion: details.ApiVersion,
      MinAPIVersion: details.MinAPIVersion,
      GitCommit: "",
      GoVersion: "",
      Os: details.Os,
      Arch: details.Arch,
      KernelVersion: hostKernelVersion,
      BuildTime: "",
    });
  });

  router.add("GET", "/system/df", async ({ query, minor }, response) => {
    const only = minor < since.typedUsage ? [] : query.texts("type");
    response.json(usageObject(await system.usage(), minor, only));
  });

  router.add("GET", "/info", async (_, response) => {
    const info = await system.info();
    response.json(engineInfoObject(info, { hostName: hostname(), now: new Date() }));
  });
}
