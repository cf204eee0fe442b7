import assert from "node:assert/strict";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EventLog } from "../../../../engine/daemon/events/event-log.ts";
import { Log } from "../../../../engine/daemon/log.ts";
import { VolumeDir } from "../../../../engine/daemon/volumes/volume-dir.ts";
import { type VolumeLease, VolumeService } from "../../../../engine/daemon/volumes/volume-service.ts";
import { tmpDir } from "../../../support/tmp-dir.ts";

const never = new AbortController().signal;

class Volumes {
  readonly path: string;
  readonly events = new EventLog();
  /** IDs by the volume that these VMs have. */
  readonly users = new Map<string, string[]>();
  readonly service: VolumeService;

  private constructor(path: string) {
    this.path = path;
    this.service = new VolumeService({
      dir: new VolumeDir(path, async () => undefined),
      events: this.events,
      log: new Log(join(tmpDir(), "engine.jsonl"), "debug"),
      usersOf: (name) => this.users.get(name) ?? [],
      nameOf: (vmId) => `the-${vmId}`,
    });
  }

  /** As the engine starts. */
  static async recovered(path = join(tmpDir(), "volumes")): Promise<Volumes> {
    const volumes = new Volumes(path);
    await volumes.service.recover();
    return volumes;
  }

  names(): string[] {
    return this.service.list().map(({ name }) => name);
  }

  record(name: string): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.path, name, "volume.json"), "utf8"));
  }

  open(
    name: string,
    vmId: string,
    { copies = true, neverRan = true, readOnly = false, signal = never } = {},
  ): Promise<VolumeLease> {
    return this.service.open({ name, vmId, target: "/data", readOnly, copies, neverRan }, signal);
  }

  happened(): string[] {
    return this.events.between().map(({ action, actor }) => `${action} ${actor.id}`);
  }
}

test("a volume is there once, for this engine and the next, and gone when it is removed", async () => {
  const volumes = await Volumes.recovered();
  const made = volumes.service.create({ name: "data", labels: { a: "1" } });
  assert.deepEqual(volumes.service.create({ name: "data", labels: { b: "2" } }), made);
  assert.equal(made.mountpoint, join(volumes.path, "data", "_data"));
  assert.equal(statSync(made.mountpoint).mode & 0o777, 0o755);
  const next = await Volumes.recovered(volumes.path);
  assert.deepEqual(next.service.inspect({ name: "data" }), made);
  await next.service.remove({ name: "data" });
  assert.deepEqual([next.names(), readdirSync(volumes.path)], [[], []]);
  assert.deepEqual(volumes.happened(), ["create data"]);
  assert.deepEqual(next.happened(), ["destroy data"]);
});

test("a volume without a name is anonymous, in Docker's way", async () => {
  const { service } = await Volumes.recovered();
  const { name, anonymous, labels } = service.create({});
  assert.match(name, /^[0-9a-f]{64}$/);
  assert.deepEqual([anonymous, labels], [true, { "com.docker.volume.anonymous": "" }]);
});

test("what cannot be is refused in Docker's words", async () => {
  const { service, path } = await Volumes.recovered();
  const cases: [Parameters<VolumeService["create"]>[0], RegExp][] = [
    [{ name: "x" }, /^create x: volume name is too short, names should be at least two alphanumeric/],
    [{ name: "a/b" }, /^create a\/b: "a\/b" includes invalid characters for a local volume name, only/],
    [{ name: ".." }, /includes invalid characters/],
    [
      { name: "data", driver: "nfs" },
      /^create data: error looking up volume plugin nfs: plugin "nfs" not found$/,
    ],
    [{ name: "data", options: { color: "red" } }, /^create data: invalid option: "color"$/],
    [
      { name: "data", options: { type: "nfs", device: ":/x" } },
      /^create data: volumes of the type "nfs" are not/,
    ],
    [{ name: "data", options: { size: "1g" } }, /^create data: only volumes of the type block have a size/],
    [{ name: "data", options: { type: "block", size: "much" } }, /^create data: invalid size: 'much'$/],
    [
      { name: "data", options: { type: "block", size: "63m" } },
      /^create data: a block volume has 64MiB to 16TiB, not 63MiB$/,
    ],
    [{ name: "data", options: { type: "block", size: "17t" } }, /to 16TiB, not 17TiB$/],
    [
      { name: "data", options: { type: "block", device: "/dev/sda" } },
      /^create data: a volume of the type block has no option "device"$/,
    ],
    [
      { name: "data", options: { type: "none", o: "bind" } },
      /^create data: missing device in volume options$/,
    ],
  ];
  for (const [params, message] of cases) assert.throws(() => service.create(params), { message });
  const mistyped = (): unknown => service.create({ name: "data", options: { type: "blok" } });
  assert.throws(mistyped, { hint: /a disk is --opt type=block/ });
  assert.deepEqual(readdirSync(path), []);
});

test("a volume that a VM has stays, and who has it is said", async () => {
  const volumes = await Volumes.recovered();
  volumes.service.create({ name: "data" });
  volumes.users.set("data", ["aaa", "bbb"]);
  await assert.rejects(volumes.service.remove({ name: "data", force: true }), {
    code: "VOLUME_IN_USE",
    message: "remove data: volume is in use - [aaa, bbb]",
  });
  await assert.rejects(volumes.service.remove({ name: "other" }), {
    code: "VOLUME_NOT_FOUND",
    message: "get other: no such volume",
  });
  await volumes.service.remove({ name: "other", force: true });
  assert.deepEqual(volumes.names(), ["data"]);
});

test("a broken record hides no other volume, is shown and can be removed", async () => {
  const first = await Volumes.recovered();
  for (const name of ["good", "torn", "bare", "other"]) first.service.create({ name });
  writeFileSync(join(first.path, "torn", "volume.json"), '{"version": 1, "na');
  writeFileSync(join(first.path, "other", "volume.json"), JSON.stringify({ version: 1, name: "another" }));
  mkdirSync(join(first.path, "empty"));
  const volumes = await Volumes.recovered(first.path);
  const broken = Object.fromEntries(volumes.service.list().map(({ name, broken }) => [name, broken]));
  assert.deepEqual(Object.keys(broken), ["bare", "empty", "good", "other", "torn"]);
  assert.equal(broken.good, undefined);
  assert.match(broken.torn ?? "", /is not valid JSON$/);
  assert.match(broken.empty ?? "", /volume\.json is missing$/);
  assert.match(broken.other ?? "", /is of another volume$/);
  await assert.rejects(volumes.open("torn", "vm"), { code: "STATE_CORRUPT" });
  await volumes.service.prune({ all: true });
  assert.deepEqual(volumes.names(), ["empty", "other", "torn"]);
  for (const name of volumes.names()) await volumes.service.remove({ name });
  assert.deepEqual(readdirSync(volumes.path), []);
});

test("what a crash left half made or half removed is swept", async () => {
  const volumes = await Volumes.recovered();
  volumes.service.create({ name: "data" });
  for (const name of [".creating.1-2.tmp", ".removing.3-4.tmp"]) {
    mkdirSync(join(volumes.path, name, "_data"), { recursive: true });
  }
  const next = await Volumes.recovered(volumes.path);
  assert.deepEqual([next.names(), readdirSync(volumes.path)], [["data"], ["data"]]);
});

test("prune takes anonymous volumes that nobody has, and with all the others too", async () => {
  const volumes = await Volumes.recovered();
  const { name: used } = volumes.service.create({});
  const { name: unused } = volumes.service.create({});
  volumes.service.create({ name: "named" });
  volumes.service.create({ name: "kept", labels: { keep: "" } });
  volumes.users.set(used, ["vm"]);
  const anonymous = await volumes.service.prune();
  assert.deepEqual(anonymous.removed, [unused]);
  assert.ok(anonymous.reclaimedBytes > 0);
  const named = await volumes.service.prune({ all: true, filters: { "label!": ["keep"] } });
  assert.deepEqual(named.removed, ["named"]);
  assert.deepEqual((await volumes.service.prune({ filters: { all: ["1"] } })).removed, ["kept"]);
  await assert.rejects(volumes.service.prune({ filters: { until: ["1h"] } }), { code: "INVALID_ARGUMENT" });
});

test("the volumes of a VM with --rm that a crash has left alone go when the engine starts", async () => {
  const volumes = await Volumes.recovered();
  volumes.service.ensure({ name: "gone", anonymous: true, removedWith: "vm1" });
  volumes.service.ensure({ name: "there", anonymous: true, removedWith: "vm2" });
  volumes.service.ensure({ name: "shared", anonymous: true, removedWith: "vm1" });
  volumes.service.ensure({ name: "plain", anonymous: true });
  const next = await Volumes.recovered(volumes.path);
  next.users.set("shared", ["vm3"]);
  await next.service.removeOrphans((id) => id === "vm2");
  assert.deepEqual(next.names(), ["plain", "shared", "there"]);
});

test("a directory of the host can have a name, and is no loss when that is removed", async () => {
  const volumes = await Volumes.recovered();
  const device = tmpDir();
  writeFileSync(join(device, "mine"), "");
  const options = { type: "none", o: "bind", device };
  assert.equal(volumes.service.create({ name: "here", options }).mountpoint, device);
  const lease = await volumes.open("here", "vm");
  assert.deepEqual([lease.path, lease.fill, lease.clear], [device, false, false]);
  lease.close();
  await volumes.service.remove({ name: "here" });
  assert.ok(existsSync(join(device, "mine")));
  volumes.service.create({ name: "gone", options: { ...options, device: join(device, "nothing") } });
  await assert.rejects(volumes.open("gone", "vm"), {
    code: "MOUNT_INVALID",
    message: /^error while mounting volume 'gone': .*nothing: no such file or directory$/,
  });
});

test("an empty volume is filled, with a mark until that is done; one that is not empty is not", async () => {
  const volumes = await Volumes.recovered();
  volumes.service.create({ name: "data" });
  const lease = await volumes.open("data", "vm1");
  assert.deepEqual([lease.fill, lease.clear, volumes.record("data").filling], [true, false, true]);
  writeFileSync(join(lease.path, "from-image"), "");
  lease.filled();
  assert.equal(volumes.record("data").filling, undefined);
  lease.close();
  const second = await volumes.open("data", "vm2");
  assert.deepEqual([second.fill, second.clear], [false, false]);
  second.close();
});

test("an empty volume of a VM that has run before stays as the workload has left it", async () => {
  const volumes = await Volumes.recovered();
  volumes.service.create({ name: "data" });
  const lease = await volumes.open("data", "vm1", { neverRan: false });
  assert.deepEqual([lease.fill, lease.clear], [false, false]);
});

test("a fill that was cut off starts over; nothing else is ever removed", async () => {
  const volumes = await Volumes.recovered();
  volumes.service.create({ name: "data" });
  const cut = await volumes.open("data", "vm1");
  writeFileSync(join(cut.path, "a-part"), "");
  // The engine and the VM are killed.
  const next = await Volumes.recovered(volumes.path);
  const again = await next.open("data", "vm1", { copies: false });
  assert.deepEqual([again.fill, again.clear], [false, true], "a VM that wants no copy gets it empty");
  again.close();
  const whole = await next.open("data", "vm1", { neverRan: false });
  assert.deepEqual([whole.fill, whole.clear], [true, true]);
  whole.filled();
  writeFileSync(join(whole.path, "workload's"), "");
  whole.close();
  const last = await (await Volumes.recovered(volumes.path)).open("data", "vm1");
  assert.deepEqual([last.fill, last.clear], [false, false]);
});

test("of a volume that another VM runs with nothing is marked, and so nothing removed", async () => {
  const volumes = await Volumes.recovered();
  volumes.service.create({ name: "data" });
  await volumes.open("data", "vm1", { copies: false });
  const lease = await volumes.open("data", "vm2");
  assert.deepEqual([lease.fill, volumes.record("data").filling], [true, undefined]);
});

test("one VM fills a volume, and others wait until it has, or until they are cancelled", async () => {
  const volumes = await Volumes.recovered();
  volumes.service.create({ name: "data" });
  const first = await volumes.open("data", "vm1");
  const order: string[] = [];
  const cancellation = new AbortController();
  const second = volumes.open("data", "vm2").then((lease) => {
    order.push("second");
    return lease;
  });
  const third = volumes.open("data", "vm3", { copies: false, signal: cancellation.signal });
  cancellation.abort(new Error("stopped"));
  await assert.rejects(third, /stopped/);
  writeFileSync(join(first.path, "from-image"), "");
  order.push("filled");
  first.filled();
  assert.equal((await second).fill, false);
  assert.deepEqual(order, ["filled", "second"]);
});

test("when the VM that fills a volume ends early, the next one does it from the start", async () => {
  const volumes = await Volumes.recovered();
  volumes.service.create({ name: "data" });
  const first = await volumes.open("data", "vm1");
  const second = volumes.open("data", "vm2");
  writeFileSync(join(first.path, "a-part"), "");
  first.close();
  const { fill, clear } = await second;
  assert.deepEqual([fill, clear], [true, true]);
});

test("clients are told of volumes that come, go, and are mounted", async () => {
  const volumes = await Volumes.recovered();
  const changes: unknown[] = [];
  const subscription = volumes.service.onDidChange((change) => changes.push(change));
  volumes.service.create({ name: "data" });
  const lease = await volumes.open("data", "vm1", { copies: false });
  lease.close();
  lease.close();
  await volumes.service.remove({ name: "data" });
  subscription.dispose();
  volumes.service.create({ name: "other" });
  assert.deepEqual(changes, [
    { kind: "created", name: "data" },
    { kind: "changed", name: "data" },
    { kind: "changed", name: "data" },
    { kind: "removed", name: "data" },
  ]);
  const [, mount, unmount] = volumes.events.between();
  assert.deepEqual(mount?.actor.attributes, {
    driver: "local",
    container: "vm1",
    destination: "/data",
    propagation: "",
    "read/write": "true",
  });
  assert.deepEqual(unmount?.actor.attributes, { driver: "local", container: "vm1" });
});

const block = { type: "block", size: "64m" };

test("a block volume is a sparse image file, for this engine and the next", async () => {
  const volumes = await Volumes.recovered();
  const { mountpoint, options } = volumes.service.create({
    name: "big",
    options: { type: "block", size: "2G" },
  });
  assert.deepEqual([mountpoint, options.size], [join(volumes.path, "big", "block.img"), "2G"]);
  assert.deepEqual([statSync(mountpoint).size, statSync(mountpoint).mode & 0o777], [2 * 2 ** 30, 0o600]);
  const diskBytes = await volumes.service.diskBytesOf("big");
  assert.ok(diskBytes > 0 && diskBytes < 2 ** 20, `${diskBytes}`);
  const plain = volumes.service.create({ name: "plain", options: { type: "block" } });
  assert.equal(statSync(plain.mountpoint).size, 16 * 2 ** 30);
  const next = await Volumes.recovered(volumes.path);
  assert.equal(next.service.pathOf("big"), mountpoint);
  await next.service.remove({ name: "big" });
  assert.deepEqual(readdirSync(volumes.path), ["plain"]);
});

test("a block volume has one writer, or readers only", async () => {
  const volumes = await Volumes.recovered();
  volumes.service.create({ name: "big", options: block });
  const writer = await volumes.open("big", "db");
  assert.deepEqual([writer.kind, writer.writes], ["block", true]);
  const refused = {
    code: "VOLUME_IN_USE",
    message: "volume big is in use by the VM the-db: a block volume has one writer",
  };
  // At once, also while the first VM fills it.
  await assert.rejects(volumes.open("big", "vm2"), refused);
  await assert.rejects(volumes.open("big", "vm2", { readOnly: true }), refused);
  writer.filled();
  await assert.rejects(volumes.open("big", "vm2", { readOnly: true }), refused);
  writer.close();
  const readers = [
    await volumes.open("big", "vm2", { readOnly: true }),
    await volumes.open("big", "vm3", { readOnly: true }),
  ];
  assert.deepEqual(
    readers.map(({ writes, fill }) => [writes, fill]),
    [
      [false, false],
      [false, false],
    ],
  );
  await assert.rejects(volumes.open("big", "db"), { message: /in use by the VM the-vm2: / });
  for (const reader of readers) reader.close();
  (await volumes.open("big", "db")).close();
});

test("VMs that outlived an engine count: who wrote still does, readers may have others beside them", async () => {
  const volumes = await Volumes.recovered();
  volumes.service.create({ name: "big", options: block });
  (await volumes.open("big", "db")).filled();
  const next = await Volumes.recovered(volumes.path);
  const ended = next.service.adopt("big", "db");
  await assert.rejects(next.open("big", "vm2", { readOnly: true }), { message: /in use by the VM the-db: / });
  ended();
  await next.open("big", "vm2", { readOnly: true });
  const last = await Volumes.recovered(volumes.path);
  last.service.adopt("big", "vm2");
  await last.open("big", "vm3", { readOnly: true });
  await assert.rejects(last.open("big", "db"), { message: /in use by the VM the-vm2: / });
});

test("a new block volume is filled once, a fill that was cut off starts over", async () => {
  const volumes = await Volumes.recovered();
  volumes.service.create({ name: "big", options: block });
  const first = await volumes.open("big", "vm1", { readOnly: true });
  assert.deepEqual([first.fill, first.clear, first.writes], [true, false, true], "the agent writes");
  assert.equal(volumes.record("big").filling, true);
  const next = await Volumes.recovered(volumes.path);
  const again = await next.open("big", "vm2", { neverRan: false });
  assert.deepEqual([again.fill, again.clear], [true, true]);
  again.filled();
  again.close();
  const later = await next.open("big", "vm3");
  // It may be empty, which only the agent can see; no mark, as there may be data.
  assert.deepEqual([later.fill, later.clear, next.record("big").filling], [true, false, undefined]);
});

test("a block volume that was not unmounted is not for readers only: its journal is to be played", async () => {
  const volumes = await Volumes.recovered();
  const { mountpoint } = volumes.service.create({ name: "big", options: block });
  (await volumes.open("big", "vm1", { copies: false })).close();
  setIncompatibleFlags(mountpoint, 0x4);
  const reader = await volumes.open("big", "vm2", { readOnly: true });
  assert.equal(reader.writes, true);
  await assert.rejects(volumes.open("big", "vm3", { readOnly: true }), { code: "VOLUME_IN_USE" });
});

test("a block volume whose disk is gone is said to be so, and can be removed", async () => {
  const volumes = await Volumes.recovered();
  const { mountpoint } = volumes.service.create({ name: "big", options: block });
  rmSync(mountpoint);
  await assert.rejects(volumes.open("big", "vm1"), {
    code: "MOUNT_INVALID",
    message: `error while mounting volume 'big': ${mountpoint}: no such file or directory`,
  });
  await volumes.service.remove({ name: "big" });
  assert.deepEqual(volumes.names(), []);
});

/** In the superblock, as a kernel that has it mounted does. */
function setIncompatibleFlags(path: string, flags: number): void {
  const fd = openSync(path, "r+");
  const at = 1024 + 0x60;
  const bytes = Buffer.alloc(4);
  readSync(fd, bytes, 0, 4, at);
  bytes.writeUInt32LE(bytes.readUInt32LE(0) | flags);
  writeSync(fd, bytes, 0, 4, at);
  closeSync(fd);
}
