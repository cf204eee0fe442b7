/** Turns tars into layers and trees, for the fuzz targets. */
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  defaultLimits,
  LayerConverter,
  type LayerLimits,
} from "../../../engine/daemon/images/layers/layer-converter.ts";
import { LayerMerge, type MergeLayer } from "../../../engine/daemon/images/rootfs/layer-merge.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";
import { tmpDir } from "../../support/tmp-dir.ts";

const dir = tmpDir();
let files = 0;

const limits = { ...defaultLimits, maximumBytes: 1 << 20, maximumEntries: 2000 };

/** A tar's layer. @throws IMAGE_INVALID */
export function convert(tar: Buffer, pieceBytes: number, allowed: LayerLimits = limits): MergeLayer {
  const name = `layer-${files++}`;
  const dataPath = join(dir, `${name}.data`);
  const indexPath = join(dir, `${name}.index`);
  const converter = new LayerConverter(dataPath, allowed);
  try {
    for (let at = 0; at < tar.length; at += pieceBytes)
      converter.push(tar.subarray(at, at + pieceBytes), tar.length);
    writeFileSync(indexPath, Buffer.concat(converter.finish()));
    return { indexPath, dataPath, name };
  } catch (error) {
    rmSync(dataPath, { force: true });
    throw error;
  } finally {
    converter.close();
  }
}

export function forget({ indexPath, dataPath }: MergeLayer): void {
  for (const path of [indexPath, dataPath]) rmSync(path, { force: true });
}

/** Reads a tar as a layer of its own: whether it was accepted. Throws what is not a refusal in words. */
export async function readTar(tar: Buffer, pieceBytes: number): Promise<boolean> {
  const merge = new LayerMerge();
  let layer: MergeLayer | undefined;
  try {
    layer = convert(tar, pieceBytes);
    await merge.apply([layer]);
    // Whatever it says, the data has an end.
    if (statSync(layer.dataPath).size > 2 * limits.maximumBytes) throw new Error("too much data");
    return true;
  } catch (error) {
    if (error instanceof MockerError && error.code === "IMAGE_INVALID") return false;
    throw error;
  } finally {
    merge.close();
    if (layer) forget(layer);
  }
}
