import { familiarName } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { ImageSearchParams, SearchResult } from "../../../protocol/registry.ts";
import {
  openRegistry,
  type RegistryAccess,
  type RegistryClient,
  type RegistryOptions,
  readJson,
} from "./registry.ts";
import { refusal } from "./registry-errors.ts";

const filterKeys = ["is-automated", "is-official", "stars"];
const defaultLimit = 25;
const maximumPages = 20;

/**
 * Searches Docker Hub, or, with `HOST/TERM`, another registry: by the search of Docker's first API, else in
 * its catalogue.
 */
export async function search(
  params: ImageSearchParams & RegistryAccess,
  options: RegistryOptions,
  signal: AbortSignal,
): Promise<SearchResult[]> {
  const keep = filterOf(params.filters ?? {});
  const limit = params.limit || defaultLimit;
  if (limit < 1 || limit > 100)
    throw new MockerError("INVALID_ARGUMENT", `limit ${limit} is outside the range of [1, 100]`);
  if (params.term.includes("://"))
    throw new MockerError(
      "INVALID_ARGUMENT",
      `invalid repository name: repository name (${params.term}) should not have a scheme`,
    );
  const { domain, term } = splitTerm(params.term);
  const client = openRegistry(options, params);
  try {
    const found =
      (await firstApi(client, domain, term, limit, signal)) ??
      (await catalogue(client, domain, term, signal));
    return found
      .filter(keep)
      .sort((a, b) => b.stars - a.stars)
      .slice(0, limit);
  } finally {
    client.close();
  }
}

/** As for a reference: the first part is a registry if it looks like one. */
function splitTerm(text: string): { domain: string; term: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  if (slash < 0 || (!/[.:]/.test(first) && first !== "localhost"))
    return { domain: "docker.io", term: text.replace(/^library\//, "") };
  const hub = first === "docker.io" || first === "index.docker.io";
  return { domain: hub ? "docker.io" : first, term: text.slice(slash + 1) };
}

function filterOf(filters: Record<string, string[]>): (result: SearchResult) => boolean {
  for (const key of Object.keys(filters))
    if (!filterKeys.includes(key))
      throw new MockerError("INVALID_ARGUMENT", `invalid filter '${key}'`, {
        hint: `Filters are: ${filterKeys.join(", ")}.`,
      });
  const flag = (key: string): boolean | undefined => {
    const value = filters[key]?.[0];
    if (value === undefined) return undefined;
    if (/^(1|true)$/i.test(value)) return true;
    if (/^(0|false)$/i.test(value)) return false;
    throw new MockerError("INVALID_ARGUMENT", `invalid filter '${key}=${value}'`);
  };
  const stars = Math.max(
    0,
    ...(filters.stars ?? []).map((value) => {
      if (!/^[0-9]+$/.test(value))
        throw new MockerError("INVALID_ARGUMENT", `invalid filter 'stars=${value}'`);
      return Number(value);
    }),
  );
  const official = flag("is-official");
  const automated = flag("is-automated");
  return (result) =>
    result.stars >= stars &&
    (official === undefined || result.official === official) &&
    (automated === undefined || result.automated === automated);
}

function request(client: RegistryClient, domain: string, target: string | URL, signal: AbortSignal) {
  const endpoint = { domain };
  return client.session.retrying(endpoint, signal, undefined, () =>
    client.session.request(
      endpoint,
      {
        target,
        scopes: domain === "docker.io" ? [] : ["registry:catalog:*"],
        document: true,
        purpose: { action: "pull", what: `the search in ${domain}`, repository: { domain, path: "" } },
      },
      signal,
    ),
  );
}

/** undefined: the registry has no such search. */
async function firstApi(
  client: RegistryClient,
  domain: string,
  term: string,
  limit: number,
  signal: AbortSignal,
): Promise<SearchResult[] | undefined> {
  const base =
    domain === "docker.io"
      ? new URL("https://index.docker.io/")
      : await client.session.base({ domain }, signal);
  const url = new URL("v1/search", base);
  url.searchParams.set("q", term);
  url.searchParams.set("n", `${limit}`);
  const response = await request(client, domain, url, signal);
  if (response.status !== 200) {
    response.body.resume();
    if (domain !== "docker.io") return undefined;
    throw new MockerError("REGISTRY_ERROR", `Unexpected status code ${response.status} from ${url.host}`);
  }
  const answer = await readJson(response, `the search in ${domain}`);
  const results = Array.isArray(answer.results) ? (answer.results as Record<string, unknown>[]) : [];
  return results.map((result) => ({
    name: text(result?.name),
    description: text(result?.description),
    stars: typeof result?.star_count === "number" ? result.star_count : 0,
    official: result?.is_official === true,
    automated: result?.is_automated === true,
  }));
}

function text(value: unknown): string {
  return typeof value === "string"
    ? value.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd")
    : "";
}

/** Repositories whose name has `term` in it (distribution's `_catalog`). */
async function catalogue(
  client: RegistryClient,
  domain: string,
  term: string,
  signal: AbortSignal,
): Promise<SearchResult[]> {
  const found: SearchResult[] = [];
  let last = "";
  for (let page = 0; page < maximumPages; page++) {
    const after = last === "" ? "" : `&last=${encodeURIComponent(last)}`;
    const response = await request(client, domain, `_catalog?n=1000${after}`, signal);
    if (response.status === 404 || response.status === 405) {
      response.body.resume();
      throw new MockerError("REGISTRY_ERROR", `${domain} has neither a search nor a catalogue`, {
        hint: "Not every registry lets its repositories be listed; look at its web page.",
      });
    }
    if (response.status !== 200)
      throw await refusal({ domain, path: "" }, response, {
        action: "pull",
        what: `the catalogue of ${domain}`,
      });
    const answer = await readJson(response, `the catalogue of ${domain}`);
    const names = (Array.isArray(answer.repositories) ? answer.repositories : []).filter(
      (name): name is string => typeof name === "string" && /^[a-z0-9._/-]{1,255}$/.test(name),
    );
    for (const path of names.filter((name) => name.includes(term)))
      found.push({
        name: familiarName({ domain, path }),
        description: "",
        stars: 0,
        official: false,
        automated: false,
      });
    const next = names[names.length - 1];
    if (next === undefined || next === last || response.headers.link === undefined) break;
    last = next;
  }
  return found;
}
