import { isRecord } from "../../../protocol/params/schema.ts";
import { type Credential, credentialOf } from "../../images/registry/docker-config.ts";
import type { FindCredential } from "../../images/registry/registry.ts";

/**
 * What `X-Registry-Auth` holds: an `AuthConfig` as base64url of JSON. As dockerd, takes what is none for
 * nobody's.
 */
export function headerCredential(header: string | undefined): Credential | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(header ?? "", "base64url").toString("utf8"));
    return isRecord(parsed) ? credentialOf(parsed) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The header's credentials for one registry alone, `docker.io` for Docker Hub: its mirrors are others. They
 * count for this request, and are kept nowhere.
 */
export function credentialsFor(domain: string, header: string | undefined): FindCredential {
  const credential = headerCredential(header);
  return async (asked) => (asked === domain ? credential : undefined);
}
