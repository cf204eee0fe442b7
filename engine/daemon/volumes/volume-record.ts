import { join } from "node:path";
import { readJsonFile, writeJsonFile } from "../../common/json-file.ts";

/** `volume.json`: what a volume is. */
export interface VolumeRecord {
  version: 1;
  name: string;
  /** RFC 3339. */
  createdAt: string;
  driver: "local";
  labels: Record<string, string>;
  options: Record<string, string>;
  /** It was made without a name. */
  anonymous: boolean;
  /** The VM with `--rm` that it was made for: it goes with that. */
  removedWith?: string;
  /**
   * A guest agent copies the image's content into it: what there is until this is gone is no workload's, and
   * may be a part only.
   */
  filling?: true;
  /** Of a block volume: the VM that could write to it last; absent until there was one. */
  writer?: string;
}

/** The directory of one volume. */
export class VolumeFiles {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  get recordPath(): string {
    return join(this.dir, "volume.json");
  }
  /** What VMs see of a volume that is a directory. */
  get dataPath(): string {
    return join(this.dir, "_data");
  }

  /** The disk of a block volume. */
  get imagePath(): string {
    return join(this.dir, "block.img");
  }

  async read(): Promise<VolumeRecord | undefined> {
    return await readJsonFile<VolumeRecord>(this.recordPath, 1);
  }
  write(record: VolumeRecord): void {
    writeJsonFile(this.recordPath, record);
  }
}
