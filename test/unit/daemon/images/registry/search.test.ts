import assert from "node:assert/strict";
import { test } from "node:test";
import { inspectManifest } from "../../../../../engine/daemon/images/registry/manifest-inspect.ts";
import { listTags } from "../../../../../engine/daemon/images/registry/registry.ts";
import { search } from "../../../../../engine/daemon/images/registry/search.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { makeImage, makeTar } from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

process.env.DOCKER_CONFIG = tmpDir();
const signal = new AbortController().signal;

test("the search of Docker's first API, with filters and a limit", async () => {
  const registry = await FakeRegistry.start();
  const result = (name: string, star_count: number, is_official = false) => ({
    name,
    description: `${name}\u001b[31m`,
    star_count,
    is_official,
    is_automated: false,
  });
  registry.behave = (request, response) => {
    if (!request.url?.startsWith("/v1/search")) return false;
    assert.equal(request.url, "/v1/search?q=data%2Fbase&n=25");
    response.end(
      JSON.stringify({
        num_results: 3,
        results: [result("few", 1), result("many", 900, true), result("some", 20), null],
      }),
    );
    return true;
  };
  const term = `${registry.host}/data/base`;
  const all = await search({ term }, {}, signal);
  assert.deepEqual(
    all.map(({ name, stars, official }) => [name, stars, official]),
    [
      ["many", 900, true],
      ["some", 20, false],
      ["few", 1, false],
      ["", 0, false],
    ],
  );
  assert.doesNotMatch(all[0]?.description ?? "", /\u001b/);
  const names = async (filters: Record<string, string[]>): Promise<string[]> =>
    (await search({ term, filters }, {}, signal)).map(({ name }) => name);
  assert.deepEqual(await names({ stars: ["20"] }), ["many", "some"]);
  assert.deepEqual(await names({ "is-official": ["true"] }), ["many"]);
  assert.deepEqual(await names({ "is-official": ["false"], stars: ["2"] }), ["some"]);
  for (const [params, message] of [
    [{ term, filters: { color: ["blue"] } }, /invalid filter 'color'/],
    [{ term, filters: { stars: ["x"] } }, /invalid filter 'stars=x'/],
    [{ term, filters: { "is-official": ["x"] } }, /invalid filter 'is-official=x'/],
    [{ term, limit: 101 }, /limit 101 is outside the range of \[1, 100\]/],
    [{ term: "https://x/y" }, /should not have a scheme/],
  ] as [Parameters<typeof search>[0], RegExp][])
    await assert.rejects(search(params, {}, signal), { code: "INVALID_ARGUMENT", message });
});

test("a registry without a search is looked through by its catalogue, page after page", async () => {
  const registry = await FakeRegistry.start();
  registry.behave = (request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    if (url.pathname === "/v1/search") {
      response.writeHead(404).end();
      return true;
    }
    if (url.pathname !== "/v2/_catalog") return false;
    const last = url.searchParams.get("last");
    if (last === null) response.setHeader("link", '</v2/_catalog?last=team/app&n=1000>; rel="next"');
    response.end(
      JSON.stringify({ repositories: last === null ? ["other", "team/app"] : ["zapp", "../x", 7] }),
    );
    return true;
  };
  const found = await search({ term: `${registry.host}/app` }, {}, signal);
  assert.deepEqual(
    found.map(({ name }) => name),
    [`${registry.host}/team/app`, `${registry.host}/zapp`],
  );
  registry.behave = (request, response) => {
    if (request.url === "/v2/") return false;
    response.writeHead(404).end();
    return true;
  };
  await assert.rejects(search({ term: `${registry.host}/app` }, {}, signal), {
    code: "REGISTRY_ERROR",
    message: /has neither a search nor a catalogue/,
  });
});

test("all tags, over several pages, and only from the registry itself", async () => {
  const registry = await FakeRegistry.start();
  registry.behave = (request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    if (url.pathname !== "/v2/app/tags/list") return false;
    const last = url.searchParams.get("last");
    const next = last === null ? "/v2/app/tags/list?last=b" : "http://elsewhere.example/v2/app/tags/list";
    response.setHeader("link", `<${next}>; rel="next"`);
    response.end(JSON.stringify({ name: "app", tags: last === null ? ["a", "b"] : ["c", "../../x"] }));
    return true;
  };
  assert.deepEqual(await listTags({ repository: `${registry.host}/app` }, {}, signal), {
    tags: ["a", "b", "c"],
  });
});

test("a manifest is looked at, and nothing stored", async () => {
  const registry = await FakeRegistry.start();
  const image = makeImage([await makeTar([{ name: "a", content: "a" }])]);
  const reference = registry.add("app", "1", image);
  const plain = await inspectManifest({ reference }, {}, signal);
  assert.equal(plain.top.text, image.manifest.toString());
  assert.equal(plain.top.digest, image.manifestDigest);
  const verbose = await inspectManifest({ reference, verbose: true }, {}, signal);
  assert.equal(verbose.top.platform?.os, "linux");
  await assert.rejects(inspectManifest({ reference: `${registry.host}/app:2` }, {}, signal), {
    code: "IMAGE_NOT_FOUND",
    message: `no such manifest: ${registry.host}/app:2`,
  });
});
