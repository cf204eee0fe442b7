import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeFileAtomic } from "../../../../../engine/common/atomic-file.ts";
import { readJsonFile } from "../../../../../engine/common/json-file.ts";
import { StateDir } from "../../../../../engine/daemon/vms/records/state-dir.ts";
import { type VmConfig, VmFiles } from "../../../../../engine/daemon/vms/records/vm-record.ts";

const dir = mkdtempSync(join(tmpdir(), "mocker-state-"));
after(() => rmSync(dir, { recursive: true }));

const noError = (error: unknown): never => {
  throw error;
};

const unexpected = (path: string): Promise<void> =>
  Promise.reject(new Error(`nothing foreign is in ${path}`));

const config: VmConfig = {
  version: 3,
  id: "ab".repeat(32),
  name: "x",
  image: "box",
  imageId: `sha256:${"a".repeat(64)}`,
  createdAt: "2026-01-01T00:00:00.000Z",
  runtime: "simulation",
  entrypoint: [],
  cmd: ["serve"],
  env: [],
  workingDir: "/",
  user: "",
  hostname: "x",
  tty: false,
  openStdin: false,
  autoRemove: false,
  mounts: [],
  cpus: 1,
  memoryMiB: 64,
  network: { mode: "none" },
  domainname: "",
  dns: {},
  extraHosts: [],
  exposedPorts: [],
  publishAll: false,
  ports: [],
  labels: {},
  stopSignal: "SIGTERM",
  stopTimeoutSeconds: 10,
};

test("a VM's folder appears and disappears whole", async () => {
  const state = new StateDir(join(dir, "whole"), unexpected);
  await state.recover(noError);
  const files = await state.create(config);
  assert.deepEqual(await files.readConfig(), config);
  assert.equal(statSync(files.configPath).mode & 0o777, 0o600);
  await state.remove(config.id, true);
  assert.deepEqual(readdirSync(state.path), []);
});

test("recovery sweeps half-made and half-removed folders and keeps the others", async () => {
  const state = new StateDir(join(dir, "sweep"), unexpected);
  await state.recover(noError);
  await state.create(config);
  mkdirSync(join(state.path, `.creating-${"cd".repeat(32)}`));
  mkdirSync(join(state.path, `.removing-${"ef".repeat(32)}`, "deep"), { recursive: true });
  writeFileSync(join(state.path, `.removing-${"ef".repeat(32)}`, "deep", "file"), "x");
  assert.deepEqual(await state.recover(noError), [config.id]);
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

/** What earlier records knew nothing of. */
const { domainname: _1, dns: _2, extraHosts: _3, exposedPorts: _4, publishAll: _5, ...known } = config;

test("a record of an earlier version is read as today's", async () => {
  const files = new VmFiles(join(dir, "earlier"));
  mkdirSync(files.dir);
  const volumes = [{ source: "/a", target: "/b", readOnly: true }];
  const { mounts: _mounts, ports: _ports, ...first } = known;
  writeFileSync(files.configPath, JSON.stringify({ ...first, version: 1, volumes, network: "none" }));
  assert.deepEqual(await files.readConfig(), { ...config, mounts: [{ type: "bind", ...volumes[0] }] });
});

test("a VM from before there were networks gets the default one, unless it wanted none", async () => {
  const files = new VmFiles(join(dir, "before-networks"));
  mkdirSync(files.dir);
  writeFileSync(files.configPath, JSON.stringify({ ...known, version: 2, network: { mode: "tsi" } }));
  const network = { mode: "networks", attachments: [{ network: "bridge" }] };
  assert.deepEqual(await files.readConfig(), { ...config, network });
});

test("a record that is damaged is refused by the member that is wrong; newer members stay", async () => {
  const files = new VmFiles(join(dir, "damaged"));
  mkdirSync(files.dir);
  const write = (changes: object): void =>
    writeFileSync(files.configPath, JSON.stringify({ ...config, ...changes }));
  write({ later: [1] });
  assert.deepEqual(await files.readConfig(), { ...config, later: [1] });
  for (const [changes, wrong] of [
    [{ labels: undefined }, /damaged: labels: /],
    [{ mounts: "none" }, /damaged: mounts: /],
    [{ mounts: [{ type: "bind", target: 5 }] }, /damaged: mounts\.0\./],
    [{ version: 1 }, /is damaged/],
    [{ id: "../x" }, /damaged: id: /],
    [{ createdAt: "today" }, /damaged: createdAt: /],
  ] as const) {
    write(changes);
    await assert.rejects(files.readConfig(), { code: "STATE_CORRUPT", message: wrong });
  }
  writeFileSync(files.exitPath, '{"version":1,"exitCode":"7"}');
  await assert.rejects(files.readExit(), { message: /exit\.json is damaged: exitCode/ });
  writeFileSync(files.runtimePath, '{"version":1,"pid":-5}');
  await assert.rejects(files.readRuntime(), { message: /runtime\.json is damaged: pid/ });
  writeFileSync(files.networkPath, '{"version":1,"endpoints":[5]}');
  await assert.rejects(files.readNetwork(), { message: /network\.json is damaged: endpoints\.0/ });
});

test("what cannot be erased stops nothing, and is tried again", async () => {
  const problems: unknown[] = [];
  let isStuck = true;
  const state = new StateDir(join(dir, "stuck"), async (path) => {
    if (isStuck) throw new Error("device or resource busy");
    rmSync(path, { recursive: true });
  });
  await state.recover(noError);
  await state.create(config);
  const stuck = join(state.path, `.removing-${"ef".repeat(32)}`);
  deepen(stuck);
  assert.deepEqual(await state.recover((error) => problems.push(error)), [config.id]);
  assert.equal(problems.length, 1);
  assert.deepEqual(await state.eraseLeftovers(), [{ path: stuck, problem: "device or resource busy" }]);
  isStuck = false;
  shallow(stuck);
  assert.deepEqual(await state.eraseLeftovers(), []);
  assert.equal(existsSync(stuck), false);
});

/** Makes a directory with more levels than a path can say. */
function deepen(path: string): void {
  const outer = `${path}-outer`;
  mkdirSync(path);
  for (let level = 0; level < 2100; level++) {
    mkdirSync(outer);
    renameSync(path, join(outer, "a"));
    renameSync(outer, path);
  }
}

/** Takes all but some levels away again. */
function shallow(path: string): void {
  const inner = `${path}-inner`;
  for (let level = 0; level < 2000; level++) {
    renameSync(join(path, "a"), inner);
    rmdirSync(path);
    renameSync(inner, path);
  }
}
