import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig, parseManifest } from "../../../engine/daemon/images/oci/manifest.ts";
import { isDigest } from "../../../engine/docker/digest.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";
import { corpus, fuzz, mutate } from "./fuzz.ts";

const dictionary = [
  ...[
    '"layers":[',
    '"manifests":[',
    '"config":{',
    "null",
    "{}",
    "[]",
    '""',
    "true",
    '"size":-1',
    '"size":1e400',
  ],
  ...[
    '"__proto__":{"x":1},',
    '"constructor":',
    "\\u0000",
    "sha256:",
    '"digest":"../../x"',
    "]",
    "}",
    ",",
    '"urls":[]',
  ],
];

test("a manifest or configuration is refused in words, or has nothing but what is expected", async () => {
  const seeds = corpus("manifest");
  await fuzz(
    "manifest",
    20,
    (random) => mutate(random, seeds, dictionary),
    (input) => {
      let good = false;
      const refusable = (parse: () => void): void => {
        try {
          parse();
          good = true;
        } catch (error) {
          assert.ok(error instanceof MockerError && error.code === "IMAGE_INVALID", (error as Error).stack);
        }
      };
      refusable(() => {
        const manifest = parseManifest(input, "application/vnd.oci.image.manifest.v1+json", "it");
        const descriptors =
          manifest.kind === "index" ? manifest.manifests : [manifest.config, ...manifest.layers];
        for (const { digest, size, mediaType, platform, annotations } of descriptors) {
          assert.ok(isDigest(digest) && Number.isSafeInteger(size) && size >= 0);
          assert.equal(typeof mediaType, "string");
          for (const value of Object.values(platform ?? {})) assert.equal(typeof value, "string");
          for (const value of Object.values(annotations)) assert.equal(typeof value, "string");
        }
      });
      refusable(() => {
        const config = parseConfig(input, "it", 1);
        assert.ok(config.diffIds.length === 1 && config.diffIds.every(isDigest));
        assert.ok(!Number.isNaN(Date.parse(config.created)));
        const { env, entrypoint, cmd, exposedPorts, volumes, labels } = config.run;
        for (const list of [env, entrypoint, cmd, exposedPorts, volumes, Object.values(labels)])
          for (const item of list) assert.equal(typeof item, "string");
      });
      assert.equal(({} as Record<string, unknown>).x, undefined, "no prototype is changed");
      return good;
    },
  );
});
