import { isRecord } from "../../../protocol/params/schema.ts";
import { HttpError } from "./http-error.ts";
import type { Query } from "./query.ts";

/**
 * Platforms as `os/arch[/variant]`, whichever way the query has them: as that text, or as the JSON of OCI's
 * objects, which newer clients send. @throws HttpError for what is neither
 */
export function platformsOf(query: Query, name = "platform"): string[] {
  return query
    .texts(name)
    .filter((text) => text !== "")
    .map((text) => (text.startsWith("{") ? platformText(text) : text));
}

/** The same of one. */
export function platformOf(query: Query): { platform?: string } {
  const [platform] = platformsOf(query);
  return platform === undefined ? {} : { platform };
}

function platformText(json: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    parsed = undefined;
  }
  const { os, architecture, variant } = isRecord(parsed) ? parsed : {};
  if (typeof os !== "string" || typeof architecture !== "string" || os === "" || architecture === "")
    throw new HttpError(400, "failed to parse platform");
  return [os, architecture, ...(typeof variant === "string" && variant !== "" ? [variant] : [])].join("/");
}
