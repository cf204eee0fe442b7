import assert from "node:assert/strict";
import { test } from "node:test";
import { platformOf, platformsOf } from "../../../../../engine/daemon/api/docker/platform-query.ts";
import { Query } from "../../../../../engine/daemon/api/docker/query.ts";

const query = (platform: string): Query => new Query(new URLSearchParams({ platform }).toString());

test("a platform is a text or OCI's object", () => {
  assert.deepEqual(platformOf(query("linux/arm64")), { platform: "linux/arm64" });
  assert.deepEqual(platformOf(query('{"architecture":"arm","os":"linux","variant":"v7"}')), {
    platform: "linux/arm/v7",
  });
  assert.deepEqual(platformOf(query("")), {});
  const two = new Query('platforms={"os":"linux","architecture":"amd64"}&platforms=linux/arm64');
  assert.deepEqual(platformsOf(two, "platforms"), ["linux/amd64", "linux/arm64"]);
  for (const bad of ["{", '{"os":"linux"}', '{"os":1,"architecture":"x"}'])
    assert.throws(() => platformOf(query(bad)), { status: 400, message: "failed to parse platform" });
});
