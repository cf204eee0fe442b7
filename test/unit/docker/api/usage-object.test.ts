import assert from "node:assert/strict";
import { test } from "node:test";
import { usageObject } from "../../../../engine/docker/api/usage-object.ts";
import { imageSummary, vmSummary, volumeSummary } from "../../cli/fixtures.ts";

const image = imageSummary({ sizeBytes: 100 });
const usage = {
  images: { items: [{ image, sharedBytes: 30, vms: 1 }], diskBytes: 500, reclaimableBytes: 0 },
  vms: [{ vm: vmSummary({ imageId: image.id }), diskBytes: 7 }],
  volumes: [{ volume: volumeSummary({ users: ["c1"] }), diskBytes: 9 }],
};

test("disk usage is counted as docker system df reads it", () => {
  const { LayersSize, Images, Containers, Volumes, BuildCache, ...more } = usageObject(usage, 45);
  assert.deepEqual(more, {});
  const [first, vm, volume] = [Images, Containers, Volumes].map((list) => Object(list)[0]);
  assert.deepEqual(
    [LayersSize, first.SharedSize, first.Containers, vm.SizeRw, vm.SizeRootFs, volume.UsageData, BuildCache],
    [500, 30, 1, 7, 107, { RefCount: 1, Size: 9 }, []],
  );
});

test("what is not asked for is null, and what there is not is refused", () => {
  const { Images, LayersSize, ...others } = usageObject(usage, 45, ["volume"]);
  assert.deepEqual([Images, LayersSize, others.Containers, others.BuildCache], [null, 0, null, null]);
  assert.throws(() => usageObject(usage, 45, ["x"]), { message: "unknown object type: x" });
});
