import * as v from "valibot";
import { parseReference } from "../../../../docker/reference.ts";
import { MockerError } from "../../../../protocol/errors.ts";
import { isRecord } from "../../../../protocol/params/schema.ts";
import type { ManifestDocument } from "../../../../protocol/registry.ts";
import { type Credential, credentialOf } from "../../../images/registry/docker-config.ts";
import type { RegistryService } from "../../../images/registry/registry-service.ts";
import { HttpError } from "../http-error.ts";
import { credentialsFor, headerCredential } from "../registry-auth.ts";
import type { Router } from "../router.ts";

export interface RegistryRouteServices {
  registry: Pick<RegistryService, "checkLogin" | "inspectManifest" | "search">;
}

const AuthConfig = v.object({
  username: v.nullish(v.string(), ""),
  password: v.nullish(v.string(), ""),
  auth: v.nullish(v.string(), ""),
  serveraddress: v.nullish(v.string(), ""),
  identitytoken: v.nullish(v.string(), ""),
  registrytoken: v.nullish(v.string(), ""),
});

const nobody: Credential = { kind: "basic", username: "", password: "" };

/** What looks at registries. Nothing of it is stored: Docker's clients keep their log-ins themselves. */
export function addRegistryRoutes(router: Router, { registry }: RegistryRouteServices): void {
  router.add("GET", "/images/search", async (request, response) => {
    const { query, signal } = request;
    const term = query.text("term") ?? "";
    const limit = query.integer("limit") ?? 0;
    const credential = headerCredential(request.header("x-registry-auth"));
    const found = await registry.search(
      {
        term,
        ...(limit === 0 ? {} : { limit }),
        filters: query.filters(),
        credentials: async () => credential,
      },
      signal,
    );
    response.json(
      found.map(({ name, description, stars, official, automated }) => ({
        star_count: stars,
        is_official: official,
        name,
        is_automated: automated,
        description,
      })),
    );
  });

  router.add("GET", "/distribution/{name*}/json", async (request, response) => {
    const name = request.param("name");
    const { domain } = parseReference(name);
    const credentials = credentialsFor(domain, request.header("x-registry-auth"));
    const inspect = (verbose: boolean): ReturnType<RegistryService["inspectManifest"]> =>
      registry.inspectManifest({ reference: name, verbose, credentials }, request.signal);
    const { top } = await inspect(false);
    const { mediaType, digest, text } = top;
    response.json({
      Descriptor: { mediaType, digest, size: Buffer.byteLength(text) },
      // Only a manifest's own platform needs another document.
      Platforms: listedPlatforms(top) ?? ownPlatform((await inspect(true)).top),
    });
  });

  router.add("POST", "/auth", async (request, response) => {
    const { serveraddress, ...entry } = await request.json(AuthConfig);
    try {
      const { token = "" } = await registry.checkLogin(
        serveraddress,
        credentialOf(entry) ?? nobody,
        request.signal,
      );
      response.json({ IdentityToken: token, Status: "Login Succeeded" });
    } catch (error) {
      if (!(error instanceof MockerError) || error.code === "UNAUTHORIZED") throw error;
      throw new HttpError(500, error.message);
    }
  });
}

/** The platforms of an index's manifests; undefined for what is no index. */
function listedPlatforms({ text }: ManifestDocument): unknown[] | undefined {
  const parsed: unknown = JSON.parse(text);
  const list = isRecord(parsed) ? parsed.manifests : undefined;
  if (!Array.isArray(list)) return undefined;
  return list.flatMap((one: unknown) => (isRecord(one) && isRecord(one.platform) ? [one.platform] : []));
}

function ownPlatform({ platform }: ManifestDocument): unknown[] | null {
  return platform === undefined ? null : [platform];
}
