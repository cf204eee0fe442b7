import {
  isCount,
  loadLines,
  type ProgressLine,
  PullReport,
  pushedLines,
  pushLines,
} from "../../../../docker/api/progress-lines.ts";
import { pullStatus } from "../../../../docker/api/transfer-progress.ts";
import {
  canonical,
  canonicalName,
  familiarName,
  familiarReference,
  isNameOnly,
  parseReference,
  pullingFrom,
  type Reference,
  splitReference,
} from "../../../../docker/reference.ts";
import { MockerError } from "../../../../protocol/errors.ts";
import type { ImageStore } from "../../../images/image-store.ts";
import type { RegistryService } from "../../../images/registry/registry-service.ts";
import type { ApiRequest } from "../api-request.ts";
import type { ApiResponse } from "../api-response.ts";
import { HttpError } from "../http-error.ts";
import { platformOf } from "../platform-query.ts";
import { credentialsFor } from "../registry-auth.ts";
import type { Router } from "../router.ts";

export interface ImageTransferRouteServices {
  images: Pick<ImageStore, "download" | "import" | "load" | "pull" | "push" | "save">;
  registry: Pick<RegistryService, "tags">;
}

const tarType = "application/x-tar";

/** What an uploaded archive is called in messages: its client's name for it is unknown. */
const archiveName = "the archive";

/** Pulls, pushes, loads, saves and imports of images. */
export function addImageTransferRoutes(
  router: Router,
  { images, registry }: ImageTransferRouteServices,
): void {
  router.add("POST", "/images/create", async (request, response) => {
    if (request.query.text("fromImage") !== undefined) await pull(images, registry, request, response);
    else await importImage(images, request, response);
  });

  router.add("POST", "/images/load", async (request, response) => {
    response.beginProgress();
    const isQuiet = request.query.flag("quiet");
    const { images: loaded, renamed } = await images.load(
      { name: archiveName, chunks: request.body() },
      {
        ...platformOf(request.query),
        signal: request.signal,
        onProgress: (progress) => {
          if (!isQuiet) tell(response, loadLines(progress));
        },
      },
    );
    for (const { reference, oldId } of renamed)
      response.progress({
        stream: `The image ${reference} already exists, renaming the old one with ID ${oldId} to empty string\n`,
      });
    for (const { id, references } of loaded) {
      for (const reference of references) response.progress({ stream: `Loaded image: ${reference}\n` });
      if (references.length === 0) response.progress({ stream: `Loaded image ID: ${id}\n` });
    }
    response.end();
  });

  router.add("GET", "/images/get", async ({ query }, response) => {
    await response.bytes(tarType, images.save(query.texts("names"), platformOf(query).platform));
  });

  router.add("GET", "/images/{name*}/get", async (request, response) => {
    await response.bytes(tarType, images.save([request.param("name")], platformOf(request.query).platform));
  });

  router.add("POST", "/images/{name*}/push", async (request, response) => {
    const { query, signal } = request;
    const name = request.param("name");
    const tag = query.text("tag");
    const reference = parseReference(tag === undefined ? name : withTag(name, tag));
    response.progress({ status: `The push refers to repository [${canonicalName(reference)}]` });
    const { tags } = await images.push(
      {
        reference: canonical(reference),
        allTags: tag === undefined && isNameOnly(name),
        ...platformOf(query),
      },
      {
        signal,
        credentials: credentialsFor(reference.domain, request.header("x-registry-auth")),
        onProgress: (progress) => tell(response, pushLines(progress)),
      },
    );
    for (const pushed of tags) tell(response, pushedLines(pushed));
    response.end();
  });
}

function tell(response: ApiResponse, lines: readonly ProgressLine[]): void {
  for (const line of lines) response.progress(line, { mayMiss: isCount(line) });
}

/** `name` with another tag, or a digest, which clients call a tag too. */
function withTag(name: string, tag: string): string {
  return `${splitReference(name).name}${tag.includes(":") ? "@" : ":"}${tag}`;
}

async function pull(
  images: ImageTransferRouteServices["images"],
  registry: ImageTransferRouteServices["registry"],
  request: ApiRequest,
  response: ApiResponse,
): Promise<void> {
  const { query, signal } = request;
  const name = (query.text("fromImage") ?? "").replace(/:$/, "");
  const tag = query.text("tag");
  const wanted = tag === undefined ? name : withTag(name, tag);
  const reference = parseReference(wanted);
  const credentials = credentialsFor(reference.domain, request.header("x-registry-auth"));
  const pullOne = async (one: Reference): Promise<boolean> => {
    // Never another transport's: `oci` is an image's name here.
    const canonicalText = canonical(one);
    const report = new PullReport(pullingFrom(canonicalText) ?? "");
    const result = await images.pull(
      { reference: canonicalText, ...platformOf(query) },
      { signal, credentials, onProgress: (progress) => tell(response, report.lines(progress)) },
    );
    tell(response, report.end(result.digest));
    return result.upToDate;
  };
  try {
    if (!isNameOnly(wanted)) {
      const upToDate = await pullOne(reference);
      response.progress({ status: pullStatus(familiarReference(wanted), upToDate) });
    } else {
      const { tags } = await registry.tags({ repository: canonicalName(reference), credentials }, signal);
      let upToDate = true;
      for (const each of tags) upToDate = (await pullOne({ ...reference, tag: each })) && upToDate;
      response.progress({ status: pullStatus(familiarName(reference), upToDate) });
    }
  } catch (error) {
    throw deniedAsMissing(error);
  }
  response.end();
}

/** dockerd does not tell an image that is not there from one that the user may not see. */
function deniedAsMissing(error: unknown): unknown {
  if (!(error instanceof MockerError) || error.code !== "UNAUTHORIZED") return error;
  return new MockerError("IMAGE_NOT_FOUND", error.message, { cause: error });
}

async function importImage(
  images: ImageTransferRouteServices["images"],
  request: ApiRequest,
  response: ApiResponse,
): Promise<void> {
  const { query, signal } = request;
  const source = query.text("fromSrc");
  if (source === undefined) throw new HttpError(400, "invalid reference format");
  const repository = query.text("repo");
  const tag = query.text("tag");
  const message = query.text("message");
  const params = {
    changes: query.texts("changes"),
    ...(repository === undefined
      ? {}
      : { reference: tag === undefined ? repository : `${repository}:${tag}` }),
    ...(message === undefined ? {} : { message }),
    ...platformOf(query),
  };
  const chunks =
    source === "-"
      ? request.body()
      : images.download(source, signal, ({ currentBytes, totalBytes }) => {
          const detail = {
            current: currentBytes,
            ...(totalBytes === undefined ? {} : { total: totalBytes }),
          };
          response.progress({ status: "Downloading", progressDetail: detail }, { mayMiss: true });
        });
  const id = await images.import(chunks, source, params, { signal });
  response.progress({ status: id });
  response.end();
}
