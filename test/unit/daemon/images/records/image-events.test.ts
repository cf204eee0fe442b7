import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { startRegistry } from "../../../../fixtures/registry.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

process.env.DOCKER_CONFIG = tmpDir();

test("what happens to images is told as Docker tells it", async () => {
  const registry = await startRegistry({ images: ["busybox"] });
  after(() => registry.stop());
  const told: string[] = [];
  const take = (): string[] => told.splice(0);
  const { store } = await makeStore({
    onEvent: (action, { id, attributes: { name = "", reclaimed = "" } }) => {
      told.push(`${action} ${id} ${name}${reclaimed && "reclaimed"}`);
    },
  });
  const busybox = `${registry.host}/busybox`;
  const { id } = await store.pull({ reference: busybox });
  assert.deepEqual(take(), [`pull ${busybox}:latest ${busybox}`]);
  await store.tag(busybox, "docker.io/library/box:1");
  assert.deepEqual(take(), [`tag ${id} box:1`]);

  const archive = join(tmpDir(), "box.tar");
  const chunks: Buffer[] = [];
  for await (const chunk of store.save(["box:1"])) chunks.push(chunk);
  writeFileSync(archive, Buffer.concat(chunks));
  await store.remove("box:1");
  assert.deepEqual(take(), [`untag ${id} ${id}`]);
  await store.remove(busybox);
  // The tag, and the digest of its repository with it.
  assert.deepEqual(take(), [`untag ${id} ${id}`, `untag ${id} ${id}`, `delete ${id} ${id}`]);

  await store.load({ path: archive });
  assert.deepEqual(take(), [`load ${id} ${id}`]);
  await store.prune({ all: true });
  assert.deepEqual(take(), [`untag ${id} ${id}`, `delete ${id} ${id}`, "prune  reclaimed"]);
  await assert.rejects(store.remove("box:1"));
  assert.deepEqual(take(), []);
});

test("an image's labels are told with it", async () => {
  const told: Record<string, string>[] = [];
  const { store } = await makeStore({ onEvent: (_, { attributes }) => told.push(attributes) });
  async function* tar(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(1024);
  }
  const id = await store.import(tar(), "-", { reference: "box", changes: ["LABEL colour=red"] });
  assert.deepEqual(told, [{ colour: "red", name: id }]);
});
