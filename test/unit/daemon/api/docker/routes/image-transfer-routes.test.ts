import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addImageTransferRoutes,
  type ImageTransferRouteServices,
} from "../../../../../../engine/daemon/api/docker/routes/image-transfer-routes.ts";
import { MockerError } from "../../../../../../engine/protocol/errors.ts";
import { type DockerClient, serveRoutes } from "../serve-routes.ts";

type Services = ImageTransferRouteServices;

const unexpected = (): never => {
  throw new Error("not asked for");
};

function serve(
  images: Partial<Services["images"]>,
  registry: Services["registry"] = { tags: unexpected },
): Promise<DockerClient> {
  const none = {
    download: unexpected,
    import: unexpected,
    load: unexpected,
    pull: unexpected,
    push: unexpected,
    save: unexpected,
  };
  return serveRoutes((router) =>
    addImageTransferRoutes(router, { images: { ...none, ...images }, registry }),
  );
}

const lines = (text: string): unknown[] =>
  text
    .split("\r\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

test("a pull that fails at once has a status, one that fails later a last line", async () => {
  const client = await serve({
    pull: async ({ reference }, { onProgress } = {}) => {
      if (reference === "docker.io/library/oci:latest")
        throw new MockerError("IMAGE_NOT_FOUND", "manifest for oci:latest not found: manifest unknown");
      if (reference === "docker.io/library/private:latest")
        throw new MockerError(
          "UNAUTHORIZED",
          "pull access denied for private, … or may require 'mocker login'",
        );
      onProgress?.({ layer: "", status: "pulling", message: "Pulling from library/broken" });
      throw new MockerError("REGISTRY_ERROR", "it broke");
    },
  });
  assert.deepEqual(await client.ask("POST", "/v1.45/images/create?fromImage=oci&tag=latest"), {
    status: 404,
    text: '{"message":"manifest for oci:latest not found: manifest unknown"}\n',
  });
  assert.deepEqual(await client.ask("POST", "/images/create?fromImage=private&tag=latest"), {
    status: 404,
    text: '{"message":"pull access denied for private, … or may require \'docker login\'"}\n',
  });
  const broken = await client.ask("POST", "/images/create?fromImage=broken:1");
  assert.equal(broken.status, 200);
  assert.deepEqual(lines(broken.text), [
    { status: "Pulling from library/broken", id: "1" },
    { errorDetail: { message: "it broke" }, error: "it broke" },
  ]);
});

test("a digest is a tag, and a name alone means all tags", async () => {
  const pulled: string[] = [];
  const client = await serve(
    {
      pull: async ({ reference }) => {
        pulled.push(reference);
        return { id: "sha256:1", digest: "sha256:2", reference, upToDate: pulled.length > 1 };
      },
    },
    { tags: async () => ({ tags: ["a", "b"] }) },
  );
  const digest = `sha256:${"a".repeat(64)}`;
  await client.ask("POST", `/images/create?fromImage=docker.io/library/x:old&tag=${digest}`);
  const { text } = await client.ask("POST", "/images/create?fromImage=localhost:5000/x");
  assert.deepEqual(pulled, [`docker.io/library/x@${digest}`, "localhost:5000/x:a", "localhost:5000/x:b"]);
  assert.deepEqual(lines(text).at(-1), { status: "Status: Image is up to date for localhost:5000/x" });
});

test("credentials of a push are the request's own, for its registry, and in no log", async () => {
  let found: unknown;
  const client = await serve({
    push: async ({ reference, allTags, dockerConfig }, { credentials }) => {
      found = [reference, allTags, dockerConfig, await credentials?.("r:5000"), await credentials?.("other")];
      throw new MockerError("UNAUTHORIZED", "push access denied for r:5000/a/b");
    },
  });
  const secret = { username: "somebody", password: "secretive" };
  const header = Buffer.from(JSON.stringify(secret)).toString("base64url");
  const headers = { "X-Registry-Auth": header };
  const { text } = await client.ask("POST", "/v1.45/images/r:5000/a/b/push?tag=v1", { headers });
  assert.deepEqual(found, ["r:5000/a/b:v1", false, undefined, { kind: "basic", ...secret }, undefined]);
  assert.deepEqual(lines(text), [
    { status: "The push refers to repository [r:5000/a/b]" },
    {
      errorDetail: { message: "push access denied for r:5000/a/b" },
      error: "push access denied for r:5000/a/b",
    },
  ]);
  assert.match(client.logged(), /push access denied/);
  for (const word of ["somebody", "secretive", header]) assert.ok(!client.logged().includes(word), word);
});

test("a load that reads only the beginning of what is sent still says why", async () => {
  const client = await serve({
    load: async (bytes) => {
      if ("path" in bytes) throw new TypeError("a file of nobody's");
      for await (const _ of bytes.chunks) break;
      throw new MockerError("IMAGE_INVALID", "the archive is no valid archive");
    },
  });
  const { status, text } = await client.ask("POST", "/images/load?quiet=1", { body: Buffer.alloc(4 << 20) });
  assert.equal(status, 200);
  assert.deepEqual(lines(text), [
    {
      errorDetail: { message: "the archive is no valid archive" },
      error: "the archive is no valid archive",
    },
  ]);
});
