import { type ManifestDocument, manifestInspect } from "../../../protocol/index.ts";
import { CommandFailure, defineCommand } from "../../command.ts";
import { booleanFlag } from "../../flags.ts";
import { dockerConfigOf } from "./pull-image.ts";

const flags = {
  insecure: booleanFlag(undefined, "Allow communication with an insecure registry"),
  verbose: booleanFlag("v", "Output additional info including layers and platform"),
} as const;

type Json = Record<string, unknown>;

function parse({ text, reference }: ManifestDocument): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new CommandFailure(`mocker: the manifest of ${reference} is not JSON`);
  }
}

/** Fields in the order of Docker's structures, then what is left. */
function ordered(value: unknown, names: readonly string[]): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const rest = { ...(value as Json) };
  const first: Json = {};
  for (const name of names) {
    if (rest[name] !== undefined) first[name] = rest[name];
    delete rest[name];
  }
  return { ...first, ...rest };
}

function manifestObject(document: ManifestDocument, isDocker: boolean): unknown {
  const json = parse(document);
  const descriptorFields = isDocker ? ["mediaType", "size", "digest"] : ["mediaType", "digest", "size"];
  return ordered(
    {
      ...json,
      ...(json.config === undefined ? {} : { config: ordered(json.config, descriptorFields) }),
      ...(Array.isArray(json.layers)
        ? { layers: json.layers.map((layer) => ordered(layer, descriptorFields)) }
        : {}),
    },
    ["schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations"],
  );
}

/** Docker's types.ImageManifest. */
function verboseObject(document: ManifestDocument): Json {
  const { reference, mediaType, digest, text, platform } = document;
  const isDocker = mediaType.startsWith("application/vnd.docker.");
  return {
    Ref: reference,
    Descriptor: { mediaType, digest, size: Buffer.byteLength(text), ...(platform ? { platform } : {}) },
    Raw: Buffer.from(text).toString("base64"),
    [isDocker ? "SchemaV2Manifest" : "OCIManifest"]: manifestObject(document, isDocker),
  };
}

/** Docker makes the list anew: digests, sizes and platforms, no annotations. */
function listObject(document: ManifestDocument, manifests: unknown[]): Json {
  return {
    schemaVersion: 2,
    mediaType: document.mediaType || "application/vnd.oci.image.index.v1+json",
    manifests: manifests.map((item) => {
      const { mediaType, size, digest, platform } = (item ?? {}) as Json;
      const fields = ["architecture", "os", "os.version", "os.features", "variant", "features"];
      return { mediaType, size, digest, ...(platform ? { platform: ordered(platform, fields) } : {}) };
    }),
  };
}

export const manifestInspectCommand = defineCommand({
  summary: "Display an image manifest, or manifest list",
  usage: "[OPTIONS] MANIFEST",
  arguments: { min: 1, max: 1 },
  flags,
  async run({ args, flags, io, connect }) {
    const engine = await connect();
    const { insecure, verbose } = flags;
    const { top, manifests } = await engine.request(manifestInspect, {
      reference: args[0] ?? "",
      ...(insecure ? { insecure } : {}),
      ...(verbose ? { verbose } : {}),
      ...dockerConfigOf(io),
    });
    const json = parse(top);
    const isList = Array.isArray(json.manifests);
    let text: string;
    if (verbose)
      text = JSON.stringify(isList ? manifests.map(verboseObject) : verboseObject(top), undefined, "\t");
    else if (isList) text = JSON.stringify(listObject(top, json.manifests as unknown[]), undefined, 3);
    // Docker indents what the registry sent, to its last newline.
    else text = JSON.stringify(json, undefined, "\t") + (/\s*$/.exec(top.text)?.[0] ?? "");
    io.stdout.write(`${text}\n`);
    return 0;
  },
});
