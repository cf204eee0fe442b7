/** Turns tars into layers and trees, for the fuzz targets. */
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  defaultLimits,
  LayerConverter,
  type LayerLimits,
} from "../../../engine/images/layers/layer-converter.ts";
import { LayerMerge, type MergeLayer } from "../../../engine/images/layers/layer-merge.ts";
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

/** Makes a tar header's checksum good, so that the header is looked at further. */
export function repairChecksum(tar: Buffer, header: number): void {
  if (header + 512 > tar.length) return;
  tar.write("        ", header + 148, "latin1");
  const sum = tar.subarray(header, header + 512).reduce((a, b) => a + b, 0);
  tar.write(`${sum.toString(8).padStart(6, "0").slice(-6)}\0 `, header + 148, "latin1");
}

/** A plain header with its contents, padded. */
export function rawEntry(name: string, type: string, contents: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, "latin1");
  header.write("0000644\x000000000\x000000000\0", 100);
  header.write(`${contents.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write(type, 156, "latin1");
  header.write("ustar\x0000", 257);
  repairChecksum(header, 0);
  return Buffer.concat([header, contents, Buffer.alloc((512 - (contents.length % 512)) % 512)]);
}
