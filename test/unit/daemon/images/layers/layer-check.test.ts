import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { deepLayerFault } from "../../../../../engine/daemon/images/layers/layer-check.ts";
import { LayerConversionQueue } from "../../../../../engine/daemon/images/layers/layer-conversion-queue.ts";
import { ContentStore } from "../../../../../engine/daemon/images/store/content-store.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { assertClean, makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, sha256 } from "../../../../fixtures/made-image.ts";

test("a deep check that is given up leaves no file of the layer that it was making again", async () => {
  const registry = await FakeRegistry.start();
  const tar = await makeTar([{ name: "large", content: randomBytes(8 << 20) }]);
  const image = makeImage([tar]);
  const { store, dir } = await makeStore();
  await store.pull({ reference: registry.add("app", "x", image) });
  store.close();
  const [digest = ""] = image.layers;
  const layer = { digest, diffId: sha256(tar), sizeBytes: image.blobs.get(digest)?.length ?? 0 };
  const conversions = new LayerConversionQueue();
  for (let ticks = 0; ticks < 40; ticks++) {
    const controller = new AbortController();
    const check = deepLayerFault(new ContentStore(dir), conversions, layer, "x", controller.signal);
    for (let tick = 0; tick < ticks; tick++) await new Promise(setImmediate);
    controller.abort(new Error("given up"));
    await Promise.allSettled([check]);
    await sleep(20);
    assertClean(dir);
  }
});
