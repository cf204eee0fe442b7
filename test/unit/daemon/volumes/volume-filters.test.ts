import assert from "node:assert/strict";
import { test } from "node:test";
import { filterVolumes } from "../../../../engine/daemon/volumes/volume-filters.ts";
import type { VolumeSummary } from "../../../../engine/protocol/volume.ts";

const volume = (name: string, changes: Partial<VolumeSummary> = {}): VolumeSummary => ({
  name,
  driver: "local",
  createdAt: "2026-01-01T00:00:00Z",
  mountpoint: `/v/${name}/_data`,
  anonymous: false,
  labels: {},
  options: {},
  users: [],
  ...changes,
});
const all = [
  volume("web-data", { users: ["vm"], labels: { tier: "web", app: "shop" } }),
  volume("db-data", { labels: { tier: "db", app: "shop" } }),
  volume("cache"),
];

test("values of a key are alternatives, labels must all hold", () => {
  const names = (filters: Record<string, string[]>): string[] =>
    filterVolumes(all, filters).map(({ name }) => name);
  assert.deepEqual(names({ name: ["data"] }), ["web-data", "db-data"]);
  assert.deepEqual(names({ name: ["web", "cach"] }), ["web-data", "cache"]);
  assert.deepEqual(names({ dangling: ["true"] }), ["db-data", "cache"]);
  assert.deepEqual(names({ dangling: ["0"] }), ["web-data"]);
  assert.deepEqual(names({ driver: ["nfs"] }), []);
  assert.deepEqual(names({ label: ["app=shop", "tier=db"] }), ["db-data"]);
});

test("a filter that there is not is refused", () => {
  assert.throws(() => filterVolumes(all, { color: ["red"] }), { message: "invalid filter 'color'" });
  assert.throws(() => filterVolumes(all, { dangling: ["maybe"] }), {
    message: "invalid filter 'dangling=[maybe]'",
  });
});
