/** Image references as far as the command line shows them; what they mean is the engine's business. */

/** Whether `text` names something else than a registry's image: `oci:DIR`, `docker-archive:FILE`. */
export function isTransport(text: string): boolean {
  return /^(oci|oci-archive|docker-archive|docker-daemon|containers-storage):/.test(text);
}

interface ReferenceParts {
  /** Registry's host, "" for the default one. */
  domain: string;
  /** Repository without the domain. */
  path: string;
  tag: string | undefined;
  digest: string | undefined;
}

function split(text: string): ReferenceParts {
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  let name = at < 0 ? text : text.slice(0, at);
  const colon = name.lastIndexOf(":");
  let tag: string | undefined;
  if (colon > name.lastIndexOf("/")) {
    tag = name.slice(colon + 1);
    name = name.slice(0, colon);
  }
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  // As Docker tells a host from a first path component.
  const hasDomain = first.includes(".") || first.includes(":") || first === "localhost";
  const isDefault = !hasDomain || first === "docker.io" || first === "index.docker.io";
  return { domain: isDefault ? "" : first, path: hasDomain ? name.slice(slash + 1) : name, tag, digest };
}

/** Whether a tag or a digest is given. */
export function isNameOnly(text: string): boolean {
  const { tag, digest } = split(text);
  return tag === undefined && digest === undefined;
}

/** Whether the repository's part could be one (github.com/distribution/reference); the engine says what is wrong with it. */
export function isName(text: string): boolean {
  return !/^[0-9a-f]{64}$/.test(text) && /^[a-z0-9]+(?:(?:[._]|__|-+|\/)[a-z0-9]+)*$/.test(split(text).path);
}

/** The repository of a reference as people write it, without tag and digest: `alpine`. */
export function familiarRepository(text: string): string {
  return familiarReference(text)
    .replace(/@.*$/, "")
    .replace(/:[^:/]*$/, "");
}

/** Whether neither tag nor digest is given, so that `latest` is meant. */
export function isUntagged(text: string): boolean {
  const { tag, digest } = split(text);
  return !isTransport(text) && tag === undefined && digest === undefined;
}

/** `docker.io/library/alpine` as people write it: `alpine:latest`. */
export function familiarReference(text: string): string {
  if (isTransport(text)) return text;
  const { domain, path, tag, digest } = split(text);
  const name = domain === "" ? path.replace(/^library\//, "") : `${domain}/${path}`;
  if (digest !== undefined) return `${name}@${digest}`;
  return `${name}:${tag ?? "latest"}`;
}

/** The line that starts a pull: `latest: Pulling from library/alpine`; undefined if there is no registry to name. */
export function pullingFrom(text: string): string | undefined {
  if (isTransport(text)) return undefined;
  const parts = split(text);
  return `${parts.digest ?? parts.tag ?? "latest"}: Pulling from ${fullPath(parts)}`;
}

/** The whole name of a reference's repository: `docker.io/library/alpine`. */
export function canonicalRepository(text: string): string {
  const parts = split(text);
  return `${parts.domain || "docker.io"}/${fullPath(parts)}`;
}

function fullPath({ domain, path }: ReferenceParts): string {
  return domain === "" && !path.includes("/") ? `library/${path}` : path;
}
