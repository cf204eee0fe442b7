import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../../common/atomic-file.ts";
import { isOutOfDescriptors } from "../../common/descriptors.ts";
import { readJsonFile, writeJsonFile } from "../../common/json-file.ts";
import { makeDirectory } from "../../common/make-directory.ts";
import { rescuedMember } from "../../common/rescued-member.ts";
import { parseIpv4, parseSubnet } from "../../docker/ipv4.ts";
import { isPredefinedNetwork } from "../../docker/network-options.ts";
import { MockerError } from "../../protocol/errors.ts";
import { isRecord } from "../../protocol/params/schema.ts";

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
  /** What it still says; else made of the ID. */
  name: string;
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
    const path = this.#path(id);
    try {
      const record = await readJsonFile<NetworkRecord>(path, newestVersion);
      if (!record) throw new MockerError("STATE_CORRUPT", `${path} is missing`);
      check(record, id, path);
      return record;
    } catch (error) {
      if (isOutOfDescriptors(error)) throw error;
      const name = rescuedMember(await readFile(path, "utf8").catch(() => ""), "name");
      const problem = error instanceof Error ? error.message : String(error);
      // A network that Mocker makes itself must not be kept from being made again.
      return { id, name: name === "" || isPredefinedNetwork(name) ? id.slice(0, 12) : name, problem };
    }
  }

  #path(id: string): string {
    return join(this.dir, `${id}.json`);
  }
}

/** @throws STATE_CORRUPT for what nobody here has written */
function check(record: NetworkRecord, wanted: string, path: string): void {
  const { id, name, subnet, gateway, createdAt, internal, attachable, labels, options } = record;
  const isWhole =
    id === wanted &&
    typeof name === "string" &&
    typeof subnet === "string" &&
    parseSubnet(subnet) !== undefined &&
    typeof gateway === "string" &&
    parseIpv4(gateway) !== undefined &&
    typeof createdAt === "string" &&
    typeof internal === "boolean" &&
    typeof attachable === "boolean" &&
    isTexts(labels) &&
    isTexts(options);
  if (!isWhole) throw new MockerError("STATE_CORRUPT", `${path} is not the record of a network`);
}

function isTexts(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every((text) => typeof text === "string");
}
