import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addRegistryRoutes,
  type RegistryRouteServices,
} from "../../../../../../engine/daemon/api/docker/routes/registry-routes.ts";
import { MockerError } from "../../../../../../engine/protocol/errors.ts";
import { type DockerClient, serveRoutes } from "../serve-routes.ts";

type Registry = RegistryRouteServices["registry"];

const unexpected = (): never => {
  throw new Error("not asked for");
};

function serve(registry: Partial<Registry>): Promise<DockerClient> {
  const none = { checkLogin: unexpected, inspectManifest: unexpected, search: unexpected };
  return serveRoutes((router) => addRegistryRoutes(router, { registry: { ...none, ...registry } }));
}

test("an index has its platforms in it; a manifest's is looked up", async () => {
  const asked: unknown[] = [];
  const platform = { architecture: "arm64", os: "linux" };
  const index = JSON.stringify({ manifests: [{ digest: "sha256:1", platform }, { digest: "sha256:2" }] });
  const client = await serve({
    inspectManifest: async ({ reference, verbose = false }) => {
      asked.push([reference, verbose]);
      const text = reference === "r:5000/a/index" ? index : "{}";
      const top = { reference, mediaType: "m", digest: "sha256:d", text, ...(verbose ? { platform } : {}) };
      return { top, manifests: [] };
    },
  });
  const answerFor = async (name: string): Promise<unknown> =>
    JSON.parse((await client.ask("GET", `/distribution/${name}/json`)).text);
  const descriptor = { mediaType: "m", digest: "sha256:d" };
  assert.deepEqual(await answerFor("r:5000/a/index"), {
    Descriptor: { ...descriptor, size: index.length },
    Platforms: [platform],
  });
  assert.deepEqual(await answerFor("x"), { Descriptor: { ...descriptor, size: 2 }, Platforms: [platform] });
  assert.deepEqual(asked, [
    ["r:5000/a/index", false],
    ["x", false],
    ["x", true],
  ]);
});

test("a log-in is checked, and the client gets what is to be kept", async () => {
  const checked: unknown[] = [];
  const client = await serve({
    checkLogin: async (server, credential) => {
      checked.push([server, credential]);
      if (server === "wrong") throw new MockerError("UNAUTHORIZED", "401 Unauthorized");
      return { token: "long" };
    },
  });
  const body = (serveraddress: string): string =>
    JSON.stringify({ username: "u", password: "p", serveraddress, email: null });
  const right = await client.ask("POST", "/auth", { body: body("r:5000") });
  assert.deepEqual(right, { status: 200, text: '{"IdentityToken":"long","Status":"Login Succeeded"}\n' });
  const wrong = await client.ask("POST", "/auth", { body: body("wrong") });
  assert.deepEqual(wrong, { status: 401, text: '{"message":"401 Unauthorized"}\n' });
  assert.deepEqual(checked[0], ["r:5000", { kind: "basic", username: "u", password: "p" }]);
});
