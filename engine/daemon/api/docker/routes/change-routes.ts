import * as v from "valibot";
import { keys, list, map, text, words } from "../../../../docker/api/fields.ts";
import type { DockerConfig } from "../../../../docker/config-changes.ts";
import type { FileChange } from "../../../../protocol/changes.ts";
import type { Commits } from "../../../system/commits.ts";
import { HttpError } from "../http-error.ts";
import type { Query } from "../query.ts";
import type { Router } from "../router.ts";

export interface ChangeRouteServices {
  commits: Pick<Commits, "commit" | "diff">;
}

/** As moby has them (pkg/archive/changes.go). */
const kinds: Readonly<Record<FileChange["kind"], number>> = { changed: 0, added: 1, deleted: 2 };

/** What of a Config an image has. */
const Config = v.object({
  Cmd: words,
  Entrypoint: words,
  Env: list,
  ExposedPorts: keys,
  Labels: map,
  OnBuild: list,
  StopSignal: text,
  User: text,
  Volumes: keys,
  WorkingDir: text,
});

/** What containers have changed of their images, and images of that. */
export function addChangeRoutes(router: Router, { commits }: ChangeRouteServices): void {
  router.add("GET", "/containers/{id}/changes", async (request, response) => {
    const changes = await commits.diff(request.param("id"), request.signal);
    const list = changes.map(({ kind, path }) => ({ Path: path, Kind: kinds[kind] }));
    response.json(list.length > 0 ? list : null);
  });

  router.add("POST", "/commit", async (request, response) => {
    const { query } = request;
    const config = configOf(await request.json(Config));
    const vm = query.text("container");
    if (vm === undefined) throw new HttpError(400, 'invalid name or ID supplied: ""');
    const reference = referenceOf(query);
    const id = await commits.commit(
      {
        vm,
        ...(reference === undefined ? {} : { reference }),
        author: query.text("author") ?? "",
        message: query.text("comment") ?? "",
        changes: query.texts("changes").flatMap((change) => (change === "" ? [] : [change])),
        pause: query.flagOr("pause", true),
      },
      request.signal,
      config,
    );
    response.json({ Id: id }, 201);
  });
}

function referenceOf(query: Query): string | undefined {
  const repository = query.text("repo");
  const tag = query.text("tag");
  return repository === undefined || tag === undefined ? repository : `${repository}:${tag}`;
}

/** What says nothing of it leaves the container's as it is. */
function configOf(body: v.InferOutput<typeof Config>): DockerConfig {
  const { Cmd, Entrypoint, Env, ExposedPorts, Labels, OnBuild, StopSignal, User, Volumes, WorkingDir } = body;
  return {
    ...(Cmd?.length ? { Cmd } : {}),
    ...(Entrypoint?.length ? { Entrypoint } : {}),
    ...(Env.length > 0 ? { Env } : {}),
    ...(ExposedPorts.length > 0 ? { ExposedPorts: empties(ExposedPorts) } : {}),
    ...(Object.keys(Labels).length > 0 ? { Labels } : {}),
    ...(OnBuild.length > 0 ? { OnBuild } : {}),
    ...(StopSignal === "" ? {} : { StopSignal }),
    ...(User === "" ? {} : { User }),
    ...(Volumes.length > 0 ? { Volumes: empties(Volumes) } : {}),
    ...(WorkingDir === "" ? {} : { WorkingDir }),
  };
}

function empties(names: readonly (readonly [string, unknown])[]): Record<string, object> {
  return Object.fromEntries(names.map(([name]) => [name, {}]));
}
