import { cpSync, lstatSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ImageStore } from "../../engine/daemon/images/image-store.ts";
import * as native from "../../native/index.ts";
import { fixtureImage } from "../fixtures/index.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { adminPath, needPrograms, runTool } from "../support/host.ts";
import { assertSame, snapshot, withDisk } from "../support/image-tree.ts";
import { Mocker } from "../support/mocker.ts";
import { rootDir } from "../support/paths.ts";
import { bars } from "./bars.ts";
import { highWaterMiB, processTree, type Row, time } from "./measure.ts";
import { msbEnvironment, msbProgram } from "./msb.ts";
import { withFolder } from "./with-folder.ts";

/** What one pull of the large image cost. */
interface Cost {
  ms: number;
  memoryMiB: number;
  diskMiB: number;
}

const copy = ["skopeo", "--insecure-policy", "copy", "--quiet"];

/** Pull of a large image: time, memory and disk, and what the next image and the first start cost. */
export async function imagesPart(rounds: number): Promise<Row[]> {
  await needPrograms({ skopeo: "skopeo", umoci: "umoci" });
  const msb = await msbProgram();
  return await withFolder(async (folder) => {
    const registry = await serve(folder);
    try {
      const image = `${registry.host}/large`;
      const ours: Cost[] = [];
      const theirs: Cost[] = [];
      const second: number[] = [];
      const first: number[] = [];
      // The first round does not count.
      for (let round = 0; round <= rounds; round++) {
        const cost = await pullOurs(image, `${registry.host}/more`);
        const other = await pullTheirs(msb, image);
        const start = await firstStart(image);
        if (round === 0) continue;
        ours.push(cost);
        second.push(cost.secondMs);
        theirs.push(other);
        first.push(start);
      }
      // Once: it takes longer than all the rest together, and is far from its bar.
      const unpacked = [await copyAndUnpack(image)];
      const of = (costs: Cost[], key: keyof Cost): number[] => costs.map((cost) => cost[key]);
      const peer = { peerName: "msb pull" };
      return [
        {
          what: "pull of a large image",
          unit: "ms",
          ours: of(ours, "ms"),
          peer: of(theirs, "ms"),
          ...peer,
          bar: bars.pull,
        },
        {
          what: "the same",
          unit: "ms",
          ours: of(ours, "ms"),
          peer: unpacked,
          peerName: "skopeo copy + umoci unpack",
          bar: bars.pullUnpacked,
        },
        {
          what: "its memory, peak",
          unit: "MiB",
          ours: of(ours, "memoryMiB"),
          peer: of(theirs, "memoryMiB"),
          ...peer,
          bar: bars.pullMemory,
        },
        {
          what: "the same",
          unit: "MiB",
          ours: of(ours, "memoryMiB"),
          peer: [bars.pullMemoryMiB],
          peerName: "limit",
          bar: 1,
        },
        {
          what: "its disk",
          unit: "MiB",
          ours: of(ours, "diskMiB"),
          peer: of(theirs, "diskMiB"),
          ...peer,
          bar: bars.pullDisk,
        },
        {
          what: "pull of it with one more small layer",
          unit: "ms",
          ours: second,
          peer: [bars.secondPullMs],
          peerName: "limit",
          bar: 1,
        },
        {
          what: "disk for the first start after it",
          unit: "ms",
          ours: first,
          peer: [bars.firstStartMs],
          peerName: "limit",
          bar: 1,
        },
      ];
    } finally {
      await registry.stop();
    }
  });
}

/** A registry with `large`, and `more`, which has one small layer on top. */
async function serve(folder: string): Promise<Registry> {
  const layout = join(folder, "layout");
  cpSync(await fixtureImage("large"), layout, { recursive: true });
  writeFileSync(join(folder, "small"), "one more file\n");
  const insert = ["insert", "--image", `${layout}:latest`, "--tag", "more", join(folder, "small"), "/small"];
  await runTool("umoci", insert);
  const registry = await startRegistry({ writable: true });
  for (const [tag, name] of [
    ["latest", "large"],
    ["more", "more"],
  ])
    await runTool("skopeo", [
      ...copy.slice(1),
      "--dest-tls-verify=false",
      `oci:${layout}:${tag}`,
      `docker://${registry.host}/${name}:latest`,
    ]);
  return registry;
}

/** With a store and an engine of its own; the engine runs before the clock does. */
async function pullOurs(image: string, more: string): Promise<Cost & { secondMs: number }> {
  const mocker = new Mocker();
  try {
    const pid = await mocker.enginePid();
    const options = { env: mocker.environment(), cwd: mocker.dir };
    const ms = await time(mocker.argv(["pull", "-q", image]), options);
    const memoryMiB = highWaterMiB(pid);
    const diskMiB = diskMiBOf(mocker.dataDir);
    const secondMs = await time(mocker.argv(["pull", "-q", more]), options);
    return { ms, memoryMiB, diskMiB, secondMs };
  } finally {
    await mocker.close();
  }
}

async function pullTheirs(msb: string, image: string): Promise<Cost> {
  return await withFolder(async (folder) => {
    let memoryMiB = 0;
    const ms = await time([msb, "pull", "--quiet", "--insecure", image], {
      env: msbEnvironment(folder),
      cwd: folder,
      // Never goes down: what the last look sees is the peak, but for the very last milliseconds.
      watch: (pid) => {
        const all = processTree(pid).reduce((sum, each) => sum + highWaterMiB(each), 0);
        memoryMiB = Math.max(memoryMiB, all);
      },
    });
    return { ms, memoryMiB, diskMiB: diskMiBOf(folder) };
  });
}

/**
 * A quick pull of something else is worth nothing: what we make of the image is compared with what umoci
 * does.
 */
async function copyAndUnpack(image: string): Promise<number> {
  return await withFolder(async (folder) => {
    const env = { ...process.env, PATH: adminPath };
    const layout = `${folder}/layout:latest`;
    const from = ["--src-tls-verify=false", `docker://${image}:latest`, `oci:${layout}`];
    const root = join(folder, "root");
    const ms =
      (await time([...copy, ...from], { env })) +
      (await time(["umoci", "raw", "unpack", "--image", layout, root], { env }));
    const store = await openStore(folder);
    const { id } = await store.pull({ reference: image });
    const expected = await snapshot(root);
    await withDisk(await store.rootDisk(id), folder, async (dir) =>
      assertSame(await snapshot(dir), expected),
    );
    return ms;
  });
}

async function openStore(folder: string): Promise<ImageStore> {
  const store = new ImageStore({
    dir: join(folder, "images"),
    native,
    helloPath: native.helloPath(),
    log: { info: () => {}, warn: () => {} },
  });
  await store.recover();
  return store;
}

/** How long the engine takes to have the disk for a VM right after the pull. */
async function firstStart(image: string): Promise<number> {
  return await withFolder(async (folder) => {
    const store = await openStore(folder);
    const { id } = await store.pull({ reference: image });
    const started = performance.now();
    await store.rootDisk(id);
    return performance.now() - started;
  });
}

function diskMiBOf(folder: string): number {
  let blocks = 0;
  for (const name of readdirSync(folder, { recursive: true }) as string[])
    blocks += lstatSync(join(folder, name)).blocks;
  return (blocks * 512) / 2 ** 20;
}

process.env.MOCKER_LAYER_WORKER ??= join(rootDir(), "dist", "layer-worker.js");
process.env.MOCKER_NATIVE_DIR ??= join(rootDir(), "dist", "native");
