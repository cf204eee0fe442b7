/** Verbs on volumes. The texts are those of docker 28.2.2 against a dockerd, with its name replaced. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  MockerError,
  volumeCreate,
  volumeInspect,
  volumeList,
  volumePrune,
  volumeRemove,
} from "../../../../../engine/protocol/index.ts";
import { volumeSummary } from "../../fixtures.ts";
import { type Result, runOffline, Setup } from "../../harness.ts";

const volume = volumeSummary();

describe("verbs on volumes", () => {
  let setup: Setup;
  before(async () => {
    setup = await Setup.create();
    setup.engine
      .handle(volumeCreate, ({ name }) => ({ ...volume, name: name ?? "f".repeat(64) }))
      .handle(volumeList, () => [volume, { ...volume, name: "web", labels: { b: "2", a: "1" } }])
      .handle(volumeInspect, ({ name }) => {
        if (name === "data") return volume;
        throw new MockerError("VOLUME_NOT_FOUND", `get ${name}: no such volume`);
      })
      .handle(volumeRemove, ({ name }) => {
        if (name === "used") {
          throw new MockerError("VOLUME_IN_USE", "remove used: volume is in use - [4f2a]");
        }
        return null;
      })
      .handle(volumePrune, () => ({ removed: ["one", "two"], reclaimedBytes: 12_345 }));
  });
  beforeEach(() => {
    setup.engine.calls.length = 0;
  });
  after(async () => {
    await setup.close();
  });
  const run = (...args: string[]): Promise<Result> => setup.run(["volume", ...args]);

  test("create prints the name, and hands on what it is made with", async () => {
    assert.equal((await run("create")).stdout, `${"f".repeat(64)}\n`);
    const flags = [
      "--label",
      "a=1",
      "--label",
      "b",
      "-o",
      "type=none",
      "--opt",
      "device=/x=y",
      "-d",
      "local",
    ];
    assert.equal((await run("create", ...flags, "data")).stdout, "data\n");
    assert.equal((await run("create", "--name", "other")).stdout, "other\n");
    assert.deepEqual(
      setup.engine.calls.map(({ params }) => params),
      [
        { options: {}, labels: {} },
        {
          name: "data",
          driver: "local",
          options: { type: "none", device: "/x=y" },
          labels: { a: "1", b: "" },
        },
        { name: "other", options: {}, labels: {} },
      ],
    );
    const both = await run("create", "--name", "a", "b");
    assert.equal(both.code, 1);
    assert.match(
      both.stderr,
      /^conflicting options: cannot specify a volume-name through both --name and as a positional arg\n$/,
    );
  });

  test("ls", async () => {
    assert.equal((await run("ls")).stdout, "DRIVER    VOLUME NAME\nlocal     data\nlocal     web\n");
    assert.equal((await run("list", "-q")).stdout, "data\nweb\n");
    assert.equal(
      (await run("ls", "--format", '{{.Name}} {{.Labels}} {{.Label "b"}} {{.Scope}}')).stdout,
      "data   local\nweb a=1,b=2 2 local\n",
    );
    assert.equal(
      (await run("ls", "--format", "json")).stdout.split("\n")[0],
      '{"Availability":"N/A","Driver":"local","Group":"N/A","Labels":"","Links":"N/A",' +
        '"Mountpoint":"/d/volumes/data/_data","Name":"data","Scope":"local","Size":"N/A","Status":"N/A"}',
    );
    setup.engine.calls.length = 0;
    await run("ls", "-f", "dangling=true", "--filter", "name=a");
    assert.deepEqual(setup.engine.calls[0]?.params, { filters: { dangling: ["true"], name: ["a"] } });
  });

  test("inspect", async () => {
    const found = await setup.run(["volume", "inspect", "data"], { TZ: "UTC" });
    assert.deepEqual(JSON.parse(found.stdout), [
      {
        CreatedAt: JSON.parse(found.stdout)[0].CreatedAt,
        Driver: "local",
        Labels: null,
        Mountpoint: "/d/volumes/data/_data",
        Name: "data",
        Options: null,
        Scope: "local",
      },
    ]);
    assert.match(JSON.parse(found.stdout)[0].CreatedAt, /^2026-01-0\dT\d\d:\d\d:05(Z|[+-]\d\d:\d\d)$/);
    assert.equal((await run("inspect", "-f", "{{.Mountpoint}}", "data")).stdout, "/d/volumes/data/_data\n");
    const missing = await run("inspect", "nosuch");
    assert.deepEqual(
      [missing.code, missing.stdout, missing.stderr],
      [1, "[]\n", "mocker: get nosuch: no such volume\n"],
    );
  });

  test("rm does what it can", async () => {
    const { code, stdout, stderr } = await run("rm", "one", "used", "two");
    assert.deepEqual(
      [code, stdout, stderr],
      [1, "one\ntwo\n", "mocker: remove used: volume is in use - [4f2a]\n"],
    );
    assert.equal((await run("remove", "-f", "one")).code, 0);
    assert.deepEqual(setup.engine.calls.at(-1)?.params, { name: "one", force: true });
  });

  test("prune asks, and says what it took", async () => {
    assert.equal(
      (await run("prune")).stdout,
      "WARNING! This will remove anonymous local volumes not used by at least one container.\n" +
        "Are you sure you want to continue? [y/N] \n",
    );
    assert.match(
      (await run("prune", "-a")).stdout,
      /^WARNING! This will remove all local volumes not used by/,
    );
    assert.match((await run("prune", "--filter", "all=1")).stdout, /^WARNING! This will remove all local/);
    assert.equal(setup.engine.calls.length, 0);
    assert.equal(
      (await run("prune", "-f", "--filter", "label=x")).stdout,
      "Deleted Volumes:\none\ntwo\n\nTotal reclaimed space: 12.35kB\n",
    );
    assert.deepEqual(setup.engine.calls[0]?.params, { all: false, filters: { label: ["x"] } });
    const both = await run("prune", "-a", "--filter", "all=1");
    assert.match(both.stderr, /^conflicting options: cannot specify both --all and --filter all=1\n$/);
  });

  test("help", async () => {
    assert.match((await runOffline(["volume", "rm"])).stderr, /requires at least 1 argument/);
    const { stdout } = await runOffline(["volume", "--help"]);
    for (const verb of ["create", "inspect", "ls", "prune", "rm"])
      assert.match(stdout, new RegExp(`^  ${verb} `, "m"));
  });
});
