import { type Digest, isDigest } from "../../../docker/digest.ts";
import { wellFormed } from "../../../docker/well-formed.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { ImageRunConfig } from "../../../protocol/image.ts";
import type { Platform } from "./platform.ts";

export const mediaTypes = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
} as const;

/**
 * Largest size of a manifest or configuration; registries accept no more (distribution-spec, "Pushing
 * Manifests").
 */
export const maximumManifestBytes = 4 * 2 ** 20;

const maximumLayers = 1000;
const maximumManifests = 1000;

/** image-spec descriptor.md */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  size: number;
  platform: Platform | undefined;
  annotations: Record<string, string>;
}

export interface ImageIndex {
  kind: "index";
  mediaType: string;
  manifests: Descriptor[];
}

export interface ImageManifest {
  kind: "manifest";
  mediaType: string;
  config: Descriptor;
  layers: Descriptor[];
}

export type Manifest = ImageIndex | ImageManifest;

/** An image's configuration (image-spec config.md), checked. */
export interface ImageConfig {
  architecture: string;
  os: string;
  variant: string;
  /** RFC 3339, or the zero time when the image has none. */
  created: string;
  author: string;
  run: ImageRunConfig;
  diffIds: Digest[];
}

export function invalidImage(what: string, reason: string): MockerError {
  return new MockerError("IMAGE_INVALID", `${what}: ${reason}`, {
    hint: "The image is damaged, or its source did not send what an OCI or Docker image consists of.",
  });
}

type Json = Record<string, unknown>;

function object(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

function stringMap(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(object(value) ?? {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  );
}

function parseJson(bytes: Uint8Array, what: string): Json {
  if (bytes.byteLength > maximumManifestBytes)
    throw invalidImage(what, `it has ${bytes.byteLength} bytes; at most ${maximumManifestBytes} are allowed`);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw invalidImage(what, "it is not JSON");
  }
  const parsed = object(json);
  if (parsed === undefined) throw invalidImage(what, "it is not a JSON object");
  return parsed;
}

/** A value for a message: deep or long ones are not quoted as a whole. */
function shown(value: unknown): string {
  return typeof value === "object" ? "that is no plain value" : String(JSON.stringify(value)).slice(0, 160);
}

function descriptor(value: unknown, what: string): Descriptor {
  const json = object(value);
  if (json === undefined) throw invalidImage(what, "a descriptor is missing");
  if (!isDigest(json.digest)) throw invalidImage(what, `invalid digest ${shown(json.digest)}`);
  const size = json.size;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw invalidImage(what, `invalid size ${shown(size)}`);
  const platform = object(json.platform);
  return {
    mediaType: string(json.mediaType),
    digest: json.digest,
    size,
    platform:
      platform === undefined
        ? undefined
        : {
            os: string(platform.os),
            architecture: string(platform.architecture),
            variant: string(platform.variant),
          },
    annotations: stringMap(json.annotations),
  };
}

/**
 * Reads an OCI or Docker manifest or index. `contentType` is what the source calls it; a document without a
 * media type of its own is legal in OCI. Throws IMAGE_INVALID.
 */
export function parseManifest(bytes: Uint8Array, contentType: string, what: string): Manifest {
  const json = parseJson(bytes, what);
  const own = string(json.mediaType);
  const mediaType = own === "" ? (contentType.split(";")[0] ?? "").trim() : own;
  if (json.schemaVersion === 1 || mediaType.startsWith("application/vnd.docker.distribution.manifest.v1"))
    throw new MockerError(
      "IMAGE_INVALID",
      `${what}: it has a Docker schema 1 manifest, which is no longer supported`,
      {
        hint: "Push the image again with a current tool.",
      },
    );
  const hasManifests = Array.isArray(json.manifests);
  const hasLayers = Array.isArray(json.layers) || json.config !== undefined;
  // Two readings of one document are an attack (CVE-2021-41190).
  if (hasManifests && hasLayers) throw invalidImage(what, "it is a manifest and an index at the same time");
  if (hasManifests) {
    if (mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest)
      throw invalidImage(what, `it is an index, but is called ${mediaType}`);
    const manifests = json.manifests as unknown[];
    if (manifests.length > maximumManifests)
      throw invalidImage(what, `it lists ${manifests.length} manifests`);
    return { kind: "index", mediaType, manifests: manifests.map((item) => descriptor(item, what)) };
  }
  if (!hasLayers) throw invalidImage(what, "it is neither an image manifest nor an index");
  if (mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerList)
    throw invalidImage(what, `it is a manifest, but is called ${mediaType}`);
  const layers: unknown = json.layers ?? [];
  if (!Array.isArray(layers)) throw invalidImage(what, "its layers are no list");
  if (layers.length > maximumLayers) throw invalidImage(what, `it has ${layers.length} layers`);
  return {
    kind: "manifest",
    mediaType,
    config: descriptor(json.config, what),
    layers: layers.map((item) => descriptor(item, what)),
  };
}

/**
 * Reads an image configuration. Throws IMAGE_INVALID, also for artifacts that are no images (charts,
 * signatures, …).
 */
export function parseConfig(bytes: Uint8Array, what: string, layerCount: number): ImageConfig {
  const json = parseJson(bytes, what);
  const rootfs = object(json.rootfs);
  if (rootfs === undefined)
    throw invalidImage(what, "it is not a container image (its configuration has no rootfs)");
  const diffIds = rootfs.diff_ids ?? [];
  if (!Array.isArray(diffIds) || !diffIds.every(isDigest))
    throw invalidImage(what, "its configuration has invalid diff_ids");
  if (diffIds.length !== layerCount)
    throw invalidImage(what, `its configuration names ${diffIds.length} layers, its manifest ${layerCount}`);
  const run = object(json.config) ?? {};
  const created = string(json.created);
  // Guests, records and clients are told of these; the image's id is that of the bytes.
  const text = (value: unknown) => wellFormed(string(value));
  const texts = (value: unknown) => strings(value).map(wellFormed);
  const keys = (value: unknown) => Object.keys(object(value) ?? {}).map(wellFormed);
  return {
    architecture: string(json.architecture),
    os: string(json.os) || "linux",
    variant: string(json.variant),
    created: Number.isNaN(Date.parse(created)) ? "0001-01-01T00:00:00Z" : created,
    author: text(json.author),
    diffIds,
    run: {
      env: texts(run.Env),
      entrypoint: texts(run.Entrypoint),
      cmd: texts(run.Cmd),
      workingDir: text(run.WorkingDir),
      user: text(run.User),
      stopSignal: text(run.StopSignal),
      exposedPorts: keys(run.ExposedPorts),
      volumes: keys(run.Volumes),
      labels: Object.fromEntries(Object.entries(stringMap(run.Labels)).map((label) => label.map(wellFormed))),
      ...healthcheck(object(run.Healthcheck)),
    },
  };
}

/** Docker's member of the configuration, whose durations are nanoseconds; one without a test is none. */
function healthcheck(json: Record<string, unknown> | undefined): Pick<ImageRunConfig, "healthcheck"> {
  const test = strings(json?.Test).map(wellFormed);
  if (json === undefined || test.length === 0) return {};
  const members = [
    ["intervalMs", json.Interval, 1e6],
    ["timeoutMs", json.Timeout, 1e6],
    ["startPeriodMs", json.StartPeriod, 1e6],
    ["startIntervalMs", json.StartInterval, 1e6],
    ["retries", json.Retries, 1],
  ] as const;
  const given = members.flatMap(([key, value, unit]) =>
    typeof value === "number" && value > 0 ? [[key, value / unit] as const] : [],
  );
  return { healthcheck: { test, ...Object.fromEntries(given) } };
}
