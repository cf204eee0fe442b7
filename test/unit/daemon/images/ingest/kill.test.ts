import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ImageStore } from "../../../../../engine/daemon/images/image-store.ts";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, writeLayout } from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

/** A fixed sequence of numbers below `limit`. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 16) % limit;
  };
}

const layoutNames = ["one", "two", "three"];

/** Loads, names, unnames and prunes the archive's images without end. */
async function churn(store: ImageStore, archive: string, seed: number): Promise<void> {
  const next = numbers(seed);
  for (;;) {
    const images = await store.list();
    const image = images[next(Math.max(images.length, 1))];
    switch (image === undefined ? 0 : next(6)) {
      case 0:
        await store.load({ path: archive });
        break;
      case 1:
      case 2:
        await store.tag(image?.id ?? "", `name${next(4)}:${next(3)}`);
        break;
      case 3:
        await store.rootDirectory(image?.id ?? "");
        break;
      case 4:
        await store.remove(image?.repoTags[0] ?? image?.id ?? "", { force: true });
        break;
      default:
        await store.prune({ all: next(2) === 0, filters: {}, inUse: () => [], parseTime: Number });
    }
  }
}

// This file is also the program that is killed.
const { MOCKER_CHURN: into, MOCKER_CHURN_ARCHIVE: archive = "", MOCKER_CHURN_SEED: seed } = process.env;
if (into !== undefined) {
  makeStore({ dir: into })
    .then(({ store }) => {
      process.stdout.write("ready\n");
      if (seed === undefined) process.exit(0);
      return churn(store, archive, Number(seed));
    })
    .catch((error: unknown) => {
      process.stderr.write(`${(error as Error).stack}\n`);
      process.exit(1);
    });
} else {
  test("kill -9 at any moment of load, tag, rmi and prune: the next start finds a sound store", killing);
  test(
    "kill -9 while images that skopeo put into the store are taken over: the next start takes over all",
    adopting,
  );
}

async function killing(): Promise<void> {
  const tars = await Promise.all(
    [1, 2, 3, 4].map((layer) =>
      makeTar(
        Array.from({ length: 20 }, (_, i) => ({
          name: `d${layer}/f${i}`,
          content: Buffer.alloc(3000, `${layer * i}-`),
        })),
      ),
    ),
  );
  const layout = writeLayout(join(tmpDir(), "layout"), {
    [`${layoutNames[0]}:1`]: makeImage(tars.slice(0, 2)),
    [`${layoutNames[1]}:1`]: makeImage(tars.slice(0, 3)),
    [`${layoutNames[2]}:1`]: makeImage(tars.slice(1)),
  });
  const origin = await makeStore();
  for (const name of layoutNames) await origin.store.pull({ reference: `oci:${layout}:${name}:1` });
  const archive = join(tmpDir(), "all.tar");
  const chunks: Buffer[] = [];
  for await (const chunk of origin.store.save(layoutNames)) chunks.push(chunk);
  writeFileSync(archive, Buffer.concat(chunks));

  const dir = join(tmpDir(), "images");
  const next = numbers(99);
  for (let round = 0; round < 15; round++) {
    const child = spawn(process.execPath, [__filename], {
      env: {
        ...process.env,
        MOCKER_CHURN: dir,
        MOCKER_CHURN_ARCHIVE: archive,
        MOCKER_CHURN_SEED: String(round),
        NODE_TEST_CONTEXT: "",
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    await Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), ended]);
    await Promise.race([sleep(next(400)), ended]);
    child.kill("SIGKILL");
    assert.equal(await ended, null, "it ended by itself");

    const { store } = await makeStore({ dir });
    const { problems } = await store.check({ deep: true });
    // A load that was not ended leaves what the next one takes up; that is no damage.
    const harmless = /^(belongs to no image|was not ended)/;
    const damage = problems.filter(({ severity, problem }) => severity !== "note" || !harmless.test(problem));
    assert.deepEqual(damage, [], `round ${round}`);
    const names = (await store.list()).flatMap(({ repoTags }) => repoTags);
    assert.equal(new Set(names).size, names.length, "a name names two images");
    store.close();
  }
}

async function adopting(): Promise<void> {
  const { store, dir } = await makeStore();
  store.close();
  const images = await Promise.all(
    Array.from({ length: 8 }, async (_, i) =>
      makeImage([
        await makeTar([{ name: "shared", content: Buffer.alloc(500_000, "s") }]),
        await makeTar([{ name: `own${i}`, content: Buffer.alloc(500_000, `${i}`) }]),
      ]),
    ),
  );
  const named = Object.fromEntries(images.map((image, i) => [`docker.io/team/app:${i}`, image]));
  writeLayout(dir, named);
  const next = numbers(7);
  let whole = 0;
  for (let round = 0; round < 12 && whole < 2; round++) {
    const child = spawn(process.execPath, [__filename], {
      env: { ...process.env, MOCKER_CHURN: dir, NODE_TEST_CONTEXT: "" },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    await Promise.race([sleep(150 + next(250)), ended]);
    child.kill("SIGKILL");
    if ((await ended) === 0) whole++;
  }
  const { store: last } = await makeStore({ dir, keepUnfinishedMs: 0 });
  assert.deepEqual((await last.check({ deep: true })).problems, []);
  const names = (await last.list()).flatMap(({ repoTags }) => repoTags).sort();
  assert.deepEqual(
    names,
    images.map((_, i) => `team/app:${i}`),
  );
}
