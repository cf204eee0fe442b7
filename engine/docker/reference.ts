import { MockerError } from "../protocol/errors.ts";
import { isDigest } from "./digest.ts";

/**
 * The name of an image as Docker understands it (github.com/distribution/reference): `alpine`, `alpine:3.20`,
 * `ghcr.io/a/b@sha256:…`, `localhost:5000/c`.
 */
export interface Reference {
  /** Registry with its port, `docker.io` if none was named. */
  domain: string;
  /** Repository in the registry, e.g. `library/alpine`. */
  path: string;
  /** `latest` if neither a tag nor a digest was given. */
  tag: string | undefined;
  digest: string | undefined;
}

const domainComponent = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const domainPattern = new RegExp(
  `^(?:${domainComponent}(?:\\.${domainComponent})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?$`,
);
const pathPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

const maximumNameLength = 255;

function invalid(text: string, reason: string): MockerError {
  const shown = text.length > 300 ? `${text.slice(0, 300)}…` : text;
  return new MockerError("INVALID_REFERENCE", reason, {
    hint: "An image is named [REGISTRY[:PORT]/]REPOSITORY[:TAG][@DIGEST], for example alpine:3.20.",
    details: { reference: shown },
  });
}

/** A reference cut at its signs, without a look at what the parts say. */
export interface ReferenceParts {
  /** Registry and repository. */
  name: string;
  tag: string | undefined;
  digest: string | undefined;
}

/** Cuts `NAME[:TAG][@DIGEST]`: a colon before the last slash belongs to a registry's port. */
export function splitReference(text: string): ReferenceParts {
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const rest = at < 0 ? text : text.slice(0, at);
  const colon = rest.indexOf(":", rest.lastIndexOf("/") + 1);
  if (colon < 0) return { name: rest, tag: undefined, digest };
  return { name: rest.slice(0, colon), tag: rest.slice(colon + 1), digest };
}

/** Parses what a user typed. @throws INVALID_REFERENCE in Docker's words */
export function parseReference(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text))
    throw invalid(text, `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  const { name, tag: givenTag, digest } = splitReference(text);
  const shownDigest = JSON.stringify(digest?.slice(0, 160));
  if (digest !== undefined && !isDigest(digest))
    throw invalid(text, `invalid reference format: ${shownDigest} is no digest`);
  if (givenTag !== undefined && !tagPattern.test(givenTag))
    throw invalid(
      text,
      `invalid reference format: ${JSON.stringify(givenTag.slice(0, 160))} is no valid tag`,
    );
  const { domain, path } = splitDomain(name);
  if (path === "" || name === "")
    throw invalid(text, "invalid reference format: repository name must have at least one component");
  if (path.toLowerCase() !== path)
    throw invalid(
      text,
      `invalid reference format: repository name (${path.slice(0, 160)}) must be lowercase`,
    );
  if (!domainPattern.test(domain) || !pathPattern.test(path)) throw invalid(text, "invalid reference format");
  if (domain.length + 1 + path.length > maximumNameLength)
    throw invalid(
      text,
      `invalid reference format: repository name must not be more than ${maximumNameLength} characters`,
    );
  const tag = givenTag ?? (digest === undefined ? "latest" : undefined);
  return { domain, path, tag, digest };
}

/** The first part is a registry only if it looks like one: `a/b` is a repository of Docker Hub. */
function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  if (slash < 0 || (!/[.:]/.test(first) && first !== "localhost" && first.toLowerCase() === first))
    return { domain: "docker.io", path: slash < 0 && name !== "" ? `library/${name}` : name };
  const path = name.slice(slash + 1);
  if (first === "docker.io" || first === "index.docker.io")
    return { domain: "docker.io", path: path !== "" && !path.includes("/") ? `library/${path}` : path };
  return { domain: first, path };
}

/** `docker.io/library/alpine` */
export function canonicalName(reference: Pick<Reference, "domain" | "path">): string {
  return `${reference.domain}/${reference.path}`;
}

/** `docker.io/library/alpine:latest`, `…@sha256:…`, or both. */
export function canonical(reference: Reference): string {
  return canonicalName(reference) + suffix(reference);
}

/** `alpine`: what Docker shows. */
export function familiarName(reference: Pick<Reference, "domain" | "path">): string {
  if (reference.domain !== "docker.io") return canonicalName(reference);
  const short = reference.path.startsWith("library/")
    ? reference.path.slice("library/".length)
    : reference.path;
  // `library/a/b` cannot be shortened: it would be read as another name.
  const name = short.includes("/") && short !== reference.path ? reference.path : short;
  // Nor can `docker.io/a.b/c`, which would be read as a repository of the registry `a.b`.
  const again = splitDomain(name);
  return again.domain === "docker.io" && again.path === reference.path ? name : canonicalName(reference);
}

/** `alpine:latest` */
export function familiar(reference: Reference): string {
  return familiarName(reference) + suffix(reference);
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}

/** The reference that a text is, or undefined for what is none. */
export function tryParseReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

const transports = ["oci", "oci-archive", "docker-archive", "docker-daemon", "containers-storage"] as const;
export type Transport = (typeof transports)[number];

/**
 * `TRANSPORT:REST`, which names an image elsewhere than in a registry; undefined for what is no such name.
 */
export function splitTransport(text: string): { transport: Transport; rest: string } | undefined {
  const colon = text.indexOf(":");
  const transport = transports.find((name) => name === text.slice(0, Math.max(colon, 0)));
  return transport === undefined ? undefined : { transport, rest: text.slice(colon + 1) };
}

/** Whether neither a tag nor a digest is given. */
export function isNameOnly(text: string): boolean {
  const { tag, digest } = splitReference(text);
  return tag === undefined && digest === undefined;
}

/** Whether `text` is a name alone of an image in a registry, so that its tag `latest` is meant. */
export function isUntagged(text: string): boolean {
  return splitTransport(text) === undefined && isNameOnly(text) && tryParseReference(text) !== undefined;
}

/**
 * A typed reference as Docker repeats it, with one of tag and digest: `alpine:latest`. Other texts are
 * returned as they are.
 */
export function familiarReference(text: string): string {
  const reference = splitTransport(text) === undefined ? tryParseReference(text) : undefined;
  if (reference === undefined) return text;
  return familiar(reference.digest === undefined ? reference : { ...reference, tag: undefined });
}

/** The repository of a reference, as Docker shows it: `alpine`. */
export function familiarRepository(text: string): string {
  const reference = tryParseReference(text);
  return reference === undefined ? splitReference(text).name : familiarName(reference);
}

/** The whole name of a reference's repository: `docker.io/library/alpine`. */
export function canonicalRepository(text: string): string {
  const reference = tryParseReference(text);
  return reference === undefined ? splitReference(text).name : canonicalName(reference);
}

/**
 * The line that starts a pull: `latest: Pulling from library/alpine`; undefined if there is no registry to
 * name.
 */
export function pullingFrom(text: string): string | undefined {
  const reference = splitTransport(text) === undefined ? tryParseReference(text) : undefined;
  return reference && `${reference.digest ?? reference.tag ?? "latest"}: Pulling from ${reference.path}`;
}
