import assert from "node:assert/strict";
import { test } from "node:test";
import { addBuildRoutes } from "../../../../../../engine/daemon/api/docker/routes/build-routes.ts";
import { addSwarmRoutes } from "../../../../../../engine/daemon/api/docker/routes/swarm-routes.ts";
import { serveRoutes } from "../serve-routes.ts";

test("what is not there says so, with the status that clients know", async () => {
  const client = await serveRoutes((router) => {
    addSwarmRoutes(router);
    addBuildRoutes(router);
  });
  const statusOf = async (line: string): Promise<number> => {
    const [method = "", path = ""] = line.split(" ");
    const upgrade = { Connection: "Upgrade", Upgrade: "h2c" };
    const headers = path === "/grpc" || path === "/session" ? upgrade : {};
    return (await client.ask(method, path, { headers })).status;
  };
  const expected = {
    "GET /swarm": 503,
    "GET /services": 503,
    "GET /v1.45/nodes/x": 503,
    "POST /secrets/create": 503,
    "POST /swarm/init": 501,
    "POST /swarm/leave": 503,
    "GET /plugins": 200,
    "GET /plugins/a/b:1/json": 404,
    "POST /plugins/pull": 501,
    "POST /build": 501,
    "POST /build/prune": 200,
    "POST /build/cancel?id=x": 200,
    "POST /grpc": 404,
    "POST /session": 404,
  };
  const found = Object.fromEntries(
    await Promise.all(Object.keys(expected).map(async (line) => [line, await statusOf(line)])),
  );
  assert.deepEqual(found, expected);
});
