import * as params from "../../../../protocol/params/registry.ts";
import {
  imageSearch,
  manifestInspect,
  registryLogin,
  registryLoginName,
  registryLogout,
  registryTags,
} from "../../../../protocol/registry.ts";
import type { RegistryService } from "../../../images/registry/registry-service.ts";
import type { RpcConnection } from "../rpc-connection.ts";

export interface RegistryServices {
  registry: Pick<RegistryService, "inspectManifest" | "login" | "loginName" | "logout" | "search" | "tags">;
}

/** What looks at registries, and the credentials for them. */
export function bindRegistry(rpc: RpcConnection, { registry }: RegistryServices): void {
  rpc.handle(registryTags, params.RegistryTagsParams, (request, signal) => registry.tags(request, signal));
  rpc.handle(registryLogin, params.RegistryLoginParams, (request, signal) => registry.login(request, signal));
  rpc.handle(registryLoginName, params.RegistryServerParams, (request) => registry.loginName(request));
  rpc.handle(registryLogout, params.RegistryServerParams, (request) => registry.logout(request));
  rpc.handle(imageSearch, params.ImageSearchParams, (request, signal) => registry.search(request, signal));
  rpc.handle(manifestInspect, params.ManifestInspectParams, (request, signal) =>
    registry.inspectManifest(request, signal),
  );
}
