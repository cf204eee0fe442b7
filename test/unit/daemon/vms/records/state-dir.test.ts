import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeFileAtomic } from "../../../../../engine/common/atomic-file.ts";
import { readJsonFile } from "../../../../../engine/common/json-file.ts";
import { StateDir } from "../../../../../engine/daemon/vms/records/state-dir.ts";
import { type VmConfig, VmFiles } from "../../../../../engine/daemon/vms/records/vm-record.ts";

const dir = mkdtempSync(join(tmpdir(), "mocker-state-"));
after(() => rmSync(dir, { recursive: true }));

const unexpected = (path: string): Promise<void> =>
  Promise.reject(new Error(`nothing foreign is in ${path}`));

const config = { version: 3, id: "ab".repeat(32), name: "x" } as VmConfig;

test("a VM's folder appears and disappears whole", async () => {
  const state = new StateDir(join(dir, "whole"), unexpected);
  await state.recover();
  const files = await state.create(config);
  assert.deepEqual(await files.readConfig(), config);
  assert.equal(statSync(files.configPath).mode & 0o777, 0o600);
  await state.remove(config.id, true);
  assert.deepEqual(readdirSync(state.path), []);
});

test("recovery sweeps half-made and half-removed folders and keeps the others", async () => {
  const state = new StateDir(join(dir, "sweep"), unexpected);
  await state.recover();
  await state.create(config);
  mkdirSync(join(state.path, `.creating-${"cd".repeat(32)}`));
  mkdirSync(join(state.path, `.removing-${"ef".repeat(32)}`, "deep"), { recursive: true });
  writeFileSync(join(state.path, `.removing-${"ef".repeat(32)}`, "deep", "file"), "x");
  assert.deepEqual(await state.recover(), [config.id]);
  assert.deepEqual(readdirSync(state.path), [config.id]);
});

test("a record that is no JSON, or a newer Mocker's, is refused by its path", async () => {
  const path = join(dir, "record.json");
  writeFileSync(path, "{");
  await assert.rejects(readJsonFile(path, 1), {
    code: "STATE_CORRUPT",
    message: `${path} is not valid JSON`,
  });
  writeFileSync(path, '{"version":2}');
  await assert.rejects(readJsonFile(path, 1), { code: "STATE_CORRUPT", message: /newer Mocker/ });
  assert.equal(await readJsonFile(join(dir, "absent.json"), 1), undefined);
});

test("an atomic write that fails leaves the old content and no temporary file", () => {
  const folder = join(dir, "atomic");
  mkdirSync(folder);
  const path = join(folder, "file");
  writeFileAtomic(path, "old");
  assert.throws(() => writeFileAtomic(join(folder, "no", "such", "folder"), "new"));
  mkdirSync(join(folder, "directory"));
  assert.throws(() => writeFileAtomic(join(folder, "directory"), "new"));
  assert.ok(existsSync(path));
  assert.deepEqual(readdirSync(folder).sort(), ["directory", "file"]);
});

/** What a record says today of what earlier ones knew nothing of. */
const added = { domainname: "", dns: {}, extraHosts: [], exposedPorts: [], publishAll: false };

test("a record of an earlier version is read as today's", async () => {
  const files = new VmFiles(join(dir, "earlier"));
  mkdirSync(files.dir);
  const volumes = [{ source: "/a", target: "/b", readOnly: true }];
  writeFileSync(files.configPath, JSON.stringify({ version: 1, name: "x", volumes, network: "none" }));
  assert.deepEqual(await files.readConfig(), {
    version: 3,
    name: "x",
    mounts: [{ type: "bind", source: "/a", target: "/b", readOnly: true }],
    network: { mode: "none" },
    ports: [],
    ...added,
  });
});

test("a VM from before there were networks gets the default one, unless it wanted none", async () => {
  const files = new VmFiles(join(dir, "before-networks"));
  mkdirSync(files.dir);
  const record = { version: 2, name: "x", mounts: [], ports: [] };
  writeFileSync(files.configPath, JSON.stringify({ ...record, network: { mode: "tsi" } }));
  const network = { mode: "networks", attachments: [{ network: "bridge" }] };
  assert.deepEqual(await files.readConfig(), { ...record, version: 3, network, ...added });
});
