/** Converts tars to layers and merges them, without a store. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  defaultLimits,
  LayerConverter,
  type LayerLimits,
} from "../../../../../engine/daemon/images/layers/layer-converter.ts";
import { kind } from "../../../../../engine/daemon/images/layers/layer-index.ts";
import { LayerMerge } from "../../../../../engine/daemon/images/rootfs/layer-merge.ts";
import type { Inode } from "../../../../../engine/daemon/images/rootfs/tree.ts";
import { MockerError } from "../../../../../engine/protocol/errors.ts";
import { type Entry, makeTar } from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const dir = tmpDir();
let files = 0;

export interface Layer {
  index: Buffer;
  data: Buffer;
}

export function convert(tar: Buffer, limits: Partial<LayerLimits> = {}, piece = 1 << 20): Layer {
  const dataPath = join(dir, `data-${files++}`);
  const converter = new LayerConverter(dataPath, { ...defaultLimits, ...limits });
  try {
    for (let at = 0; at < tar.length; at += piece) converter.push(tar.subarray(at, at + piece), tar.length);
    const index = Buffer.concat(converter.finish());
    return { index, data: readFileSync(dataPath) };
  } finally {
    converter.close();
  }
}

/** The root directory of layers. */
export async function rootOf(...layers: Layer[]): Promise<Inode> {
  const merge = new LayerMerge();
  try {
    await merge.apply(
      layers.map(({ index }, number) => {
        const indexPath = join(dir, `index-${files++}`);
        writeFileSync(indexPath, index);
        return { indexPath, dataPath: "", name: `layer ${number + 1}` };
      }),
    );
    return await merge.tree();
  } finally {
    merge.close();
  }
}

/** The merged tree of layers as lines `path kind …`, sorted. */
export async function merged(layers: Layer[]): Promise<string[]> {
  const lines: string[] = [];
  const numbers = new Map<Inode, number>();
  const walk = (inode: Inode, path: string): void => {
    for (const [name, child] of [...(inode.children ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const here = path === "" ? name : `${path}/${name}`;
      if (child.kind === kind.directory) {
        lines.push(`${here}/`);
        walk(child, here);
      } else if (child.kind === kind.symlink) lines.push(`${here} -> ${child.link}`);
      else if (child.kind === kind.file) {
        const { data } = layers[child.dataLayer] as Layer;
        const first = numbers.get(child);
        const text = data.toString("latin1", child.dataOffset, child.dataOffset + child.size);
        lines.push(
          `${here} = ${text}${first === undefined ? "" : ` (link ${first})`}${child.links > 1 ? ` x${child.links}` : ""}`,
        );
        if (child.links > 1) numbers.set(child, numbers.get(child) ?? numbers.size + 1);
      } else lines.push(`${here} kind ${child.kind} ${child.deviceMajor}:${child.deviceMinor}`);
    }
  };
  walk(await rootOf(...layers), "");
  return lines;
}

export async function tree(...layers: Entry[][]): Promise<string[]> {
  return await merged(await Promise.all(layers.map(async (entries) => convert(await makeTar(entries)))));
}

export async function refused(message: RegExp, ...layers: (Entry[] | Buffer)[]): Promise<void> {
  const tars = await Promise.all(layers.map((layer) => (Buffer.isBuffer(layer) ? layer : makeTar(layer))));
  await assert.rejects(
    async () => await merged(tars.map((tar) => convert(tar))),
    (error) => {
      assert.ok(error instanceof MockerError, String(error));
      assert.equal(error.code, "IMAGE_INVALID");
      assert.match(error.message, message);
      return true;
    },
  );
}

export const file = (name: string, content = name): Entry => ({ name, content });
