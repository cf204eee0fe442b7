import { pathStat } from "../../../../docker/api/path-stat.ts";
import type { Copies } from "../../../system/copies.ts";
import type { GuestStat } from "../../../vms/guest-files/guest-files.ts";
import type { ApiRequest } from "../api-request.ts";
import type { ApiResponse } from "../api-response.ts";
import { HttpError } from "../http-error.ts";
import type { Router } from "../router.ts";

export interface ArchiveRouteServices {
  copies: Pick<Copies, "archiveOf" | "export" | "extract" | "stat">;
}

/** Files of containers, as tar archives. */
export function addArchiveRoutes(router: Router, { copies }: ArchiveRouteServices): void {
  router.add("HEAD", "/containers/{id}/archive", async (request, response) => {
    const place = placeOf(request);
    const stat = await copies.stat(place, request.signal);
    if (!stat) throw notFound(place);
    sayStat(response, place.path, stat);
    response.empty(200);
  });

  router.add("GET", "/containers/{id}/archive", async (request, response) => {
    const place = placeOf(request);
    const isThere = await copies.archiveOf(
      place,
      async (stat, archive) => {
        sayStat(response, place.path, stat);
        await response.bytes("application/x-tar", archive);
      },
      request.signal,
    );
    if (!isThere) throw notFound(place);
  });

  router.add("PUT", "/containers/{id}/archive", async (request, response) => {
    const place = placeOf(request);
    const { query } = request;
    const options = {
      ...place,
      keepsKinds: query.flag("noOverwriteDirNonDir"),
      ownedByUser: query.flag("copyUIDGID"),
    };
    const result = await copies.extract(options, request.body(), request.signal);
    if (result === "missing") throw notFound(place);
    if (result === "no-directory") throw new HttpError(400, "extraction point is not a directory");
    response.empty(200);
  });

  router.add("GET", "/containers/{id}/export", async (request, response) => {
    await copies.export(
      request.param("id"),
      (archive) => response.bytes("application/octet-stream", archive),
      request.signal,
    );
  });
}

interface Place {
  vm: string;
  path: string;
}

function placeOf(request: ApiRequest): Place {
  const path = request.query.text("path");
  // dockerd's words, as they are.
  if (path === undefined) throw new HttpError(400, "bad parameter: pathcannot be empty");
  return { vm: request.param("id"), path };
}

function notFound({ vm, path }: Place): HttpError {
  return new HttpError(404, `Could not find the file ${path} in container ${vm}`);
}

function sayStat({ raw }: ApiResponse, path: string, stat: GuestStat): void {
  const json = JSON.stringify(pathStat(path, stat));
  raw.setHeader("X-Docker-Container-Path-Stat", Buffer.from(json).toString("base64"));
}
