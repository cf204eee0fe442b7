import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dockerRoutes } from "../../../../../engine/daemon/api/docker/docker-routes.ts";
import { since } from "../../../../../engine/docker/api/versions.ts";
import { rootDir } from "../../../../support/paths.ts";

const file = "engine/daemon/api/docker/README.md";

/** What has no rows of its own. */
const refused = /^[A-Z]+ \/(configs|nodes|plugins|secrets|services|swarm|tasks)(\/|$)/;

test("the table of endpoints has all that are served, and no more; that of versions all changes", () => {
  const text = readFileSync(join(rootDir(), file), "utf8");
  const rows = [...text.matchAll(/^\| `((?:GET|HEAD|POST|PUT|DELETE) [^`]+)` \|/gm)].map(([, row]) => row);
  const endpoints = dockerRoutes({} as Parameters<typeof dockerRoutes>[0]).endpoints();
  const served = endpoints.filter((endpoint) => !refused.test(endpoint));
  assert.deepEqual(rows, served.sort(byPath), `rows of ${file}`);
  const versions = [...text.matchAll(/^\| 1\.(\d+) \|/gm)].map(([, minor]) => Number(minor));
  assert.deepEqual(
    versions,
    [...new Set(Object.values(since))].sort((a, b) => a - b),
  );
});

function byPath(a: string, b: string): number {
  const [methodA = "", pathA = ""] = a.split(" ");
  const [methodB = "", pathB = ""] = b.split(" ");
  return pathA < pathB ? -1 : pathA > pathB ? 1 : methodA < methodB ? -1 : 1;
}
