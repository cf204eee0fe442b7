import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../../common/atomic-file.ts";
import { readJsonFile, writeJsonFile } from "../../common/json-file.ts";
import { makeDirectory } from "../../common/make-directory.ts";
import { parseIpv4, parseSubnet } from "../../docker/ipv4.ts";
import { MockerError } from "../../protocol/errors.ts";

/** `<data>/networks/<id>.json`: what a network is. Written once, when it is created. */
export interface NetworkRecord {
  version: 1;
  /** 64 hex digits. */
  id: string;
  name: string;
  /** RFC 3339. */
  createdAt: string;
  driver: "bridge";
  /** `172.18.0.0/16`. */
  subnet: string;
  gateway: string;
  /** The part of the subnet that VMs get addresses from. */
  ipRange?: string;
  internal: boolean;
  attachable: boolean;
  labels: Record<string, string>;
  options: Record<string, string>;
}

/** A record that cannot be read: there is a network, which can only be removed. */
export interface BrokenRecord {
  id: string;
  problem: string;
}

const newestVersion = 1;

/** The directory of the networks' records. */
export class NetworkRecords {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** All that there are; one that is broken hides no other. */
  async readAll(): Promise<(NetworkRecord | BrokenRecord)[]> {
    makeDirectory(this.dir);
    const ids = (await readdir(this.dir)).flatMap((name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? []);
    return await Promise.all(ids.map((id) => this.#read(id)));
  }

  write(record: NetworkRecord): void {
    writeJsonFile(this.#path(record.id), record);
  }

  async remove(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
    syncDirectory(this.dir);
  }

  async #read(id: string): Promise<NetworkRecord | BrokenRecord> {
    try {
      const record = await readJsonFile<NetworkRecord>(this.#path(id), newestVersion);
      if (!record) return { id, problem: `${this.#path(id)} is missing` };
      check(record, id, this.#path(id));
      return record;
    } catch (error) {
      return { id, problem: error instanceof Error ? error.message : String(error) };
    }
  }

  #path(id: string): string {
    return join(this.dir, `${id}.json`);
  }
}

/** @throws STATE_CORRUPT for what nobody here has written */
function check({ id, name, subnet, gateway }: NetworkRecord, wanted: string, path: string): void {
  const isWhole =
    id === wanted &&
    typeof name === "string" &&
    typeof subnet === "string" &&
    parseSubnet(subnet) !== undefined &&
    typeof gateway === "string" &&
    parseIpv4(gateway) !== undefined;
  if (!isWhole) throw new MockerError("STATE_CORRUPT", `${path} is not the record of a network`);
}
