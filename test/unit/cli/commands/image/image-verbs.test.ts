/** Verbs on images. The texts are those of docker 28.2.2 against a dockerd, with its name replaced. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  imageHistory,
  imageImport,
  imageInspect,
  imageLoad,
  imagePrune,
  imageRemove,
  imageSave,
  imageTag,
  MockerError,
  networkPrune,
  streamUpload,
  systemCheck,
  systemUsage,
  vmPrune,
  volumePrune,
} from "../../../../../engine/protocol/index.ts";
import { imageId, imageSummary, vmId, vmSummary, volumeSummary } from "../../fixtures.ts";
import { runOffline, Setup } from "../../harness.ts";

const hour = 3600_000;

describe("verbs on images", () => {
  let setup: Setup;
  before(async () => {
    setup = await Setup.create();
    setup.engine
      .handle(imageHistory, () => [
        {
          id: imageId,
          created: new Date(Date.now() - 3 * hour).toISOString(),
          createdBy: 'CMD ["sh"]',
          sizeBytes: 0,
          comment: "",
        },
        {
          id: "<missing>",
          created: new Date(Date.now() - 3 * hour).toISOString(),
          createdBy: "/bin/sh -c #(nop)\tADD file:1234567890abcdef in /some/where",
          sizeBytes: 1_982_497,
          // What an image says must not control the terminal.
          comment: "build\u001b[2Jkit",
        },
      ])
      .handle(imageTag, () => null)
      .handle(networkPrune, ({ filters }) => ({ deleted: filters?.until ? ["old_net"] : [] }))
      .handle(imagePrune, ({ all }) => ({
        untagged: all ? ["a:1"] : [],
        deleted: all ? [imageId] : [],
        reclaimedBytes: all ? 1_982_497 : 0,
      }));
  });
  after(() => setup.close());

  const run = (...argv: string[]) => setup.run(argv);

  test("history has Docker's columns", async () => {
    assert.equal(
      (await run("history", "x")).stdout,
      `IMAGE          CREATED       CREATED BY                                      SIZE      COMMENT
c0dec0dec0de   3 hours ago   CMD ["sh"]                                      0B${" ".repeat(8)}
<missing>      3 hours ago   /bin/sh -c #(nop) ADD file:1234567890abcdef …   1.98MB    build�[2Jkit
`,
    );
    const { stdout } = await run("history", "-H=false", "--no-trunc", "x");
    const [header, first, second] = stdout.split("\n");
    assert.match(header ?? "", /^IMAGE +CREATED AT +CREATED BY +SIZE +COMMENT$/);
    assert.match(first ?? "", new RegExp(`^${imageId} +[0-9-]+T[0-9:]+(Z|[+-][0-9:]+) +CMD`));
    assert.match(second ?? "", /in \/some\/where +1982497 +build�\[2Jkit$/);
    assert.equal((await run("image", "history", "-q", "x")).stdout, "c0dec0dec0de\n<missing>\n");
    assert.match((await run("history", "--format", "json", "x")).stdout, /^\{"Comment":"","CreatedAt":"/);
  });

  test("tag says nothing", async () => {
    assert.deepEqual(await run("tag", "a", "b:1"), { code: 0, stdout: "", stderr: "" });
    assert.deepEqual(setup.engine.paramsOf("image/tag"), { source: "a", target: "b:1" });
  });

  test("image prune asks, lists and counts", async () => {
    assert.equal((await run("image", "prune", "-f")).stdout, "Total reclaimed space: 0B\n");
    assert.equal(
      (await run("image", "prune", "-af", "--filter", "until=24h", "--filter", "label!=keep")).stdout,
      `Deleted Images:\nuntagged: a:1\ndeleted: ${imageId}\n\nTotal reclaimed space: 1.982MB\n`,
    );
    assert.deepEqual(setup.engine.calls.at(-1)?.params, {
      all: true,
      filters: { until: ["24h"], "label!": ["keep"] },
    });
    const asked = await run("image", "prune", "-a");
    assert.equal(asked.code, 0);
    assert.match(
      asked.stdout,
      /^WARNING! This will remove all images without at least one container associated to them\.\nAre you sure you want to continue\? \[y\/N\] \n$/,
    );
    const io = setup.io();
    const { main } = await import("../../../../../engine/cli/program.ts");
    const answered = main(["image", "prune"], io);
    io.stdin.end("Y\n");
    assert.equal(await answered, 0);
    assert.match(io.output(), /dangling images\.\nAre you sure .*Total reclaimed space: 0B\n$/s);
  });

  test("system df sums up", async () => {
    setup.engine.handle0(systemUsage, () => ({
      images: {
        items: [
          { image: imageSummary(), sharedBytes: 5_000_000, vms: 1 },
          { image: imageSummary({ repoTags: [] }), sharedBytes: 0, vms: 0 },
        ],
        diskBytes: 20_000_000,
        reclaimableBytes: 5_100_000,
      },
      vms: [
        { vm: vmSummary(), diskBytes: 1_000_000 },
        { vm: vmSummary({ state: "exited", name: "two" }), diskBytes: 3_000_000 },
      ],
      volumes: [
        { volume: volumeSummary({ users: [vmId] }), diskBytes: 6_000_000 },
        { volume: volumeSummary({ name: "loose" }), diskBytes: 2_000_000 },
      ],
    }));
    assert.equal(
      (await run("system", "df")).stdout,
      `TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE
Images          2         1         20MB      5.1MB (25%)
Containers      2         1         4MB       3MB (75%)
Local Volumes   2         1         8MB       2MB (25%)
Build Cache     0         0         0B        0B
`,
    );
    const verbose = (await run("system", "df", "-v")).stdout;
    assert.match(verbose, /^VOLUME NAME +LINKS +SIZE\ndata +1 +6MB\nloose +0 +2MB$/m);
    assert.match(verbose, /^alpine +latest +c0dec0dec0de +3 weeks ago +7.73MB +5MB +2.73MB +1$/m);
    assert.match(verbose, /^<none> +<none> /m);
    assert.match(
      (await run("system", "df", "-v", "--format", "json")).stdout,
      /^\{"Images":\[\{"Containers":"1"/,
    );
  });

  test("system prune's filters are for VMs as for images, and their disks count", async () => {
    setup.engine.handle(vmPrune, ({ filters = {} }) => ({
      removed: filters.until ? ["1".repeat(64)] : ["1".repeat(64), "2".repeat(64)],
      reclaimedBytes: filters.until ? 1_000_000 : 3_000_000,
    }));
    setup.engine.handle(volumePrune, () => ({ removed: ["loose"], reclaimedBytes: 2_000_000 }));
    const filters = ["--filter", "until=48h", "--filter", "label!=keep"];
    assert.equal(
      (await run("system", "prune", "-af", ...filters)).stdout,
      `Deleted Containers:\n${"1".repeat(64)}\n\nDeleted Networks:\nold_net\n\nDeleted Images:\nuntagged: a:1\ndeleted: ${imageId}\n\nTotal reclaimed space: 2.982MB\n`,
    );
    const wanted = { until: ["48h"], "label!": ["keep"] };
    assert.deepEqual(setup.engine.calls.at(-1)?.params, { all: true, filters: wanted });
    assert.deepEqual(setup.engine.paramsOf("vm/prune"), { filters: wanted });
    const asked = await run("system", "prune", ...filters);
    assert.match(
      asked.stdout,
      /dangling images\n\n {2}Items to be pruned will be filtered with:\n {2}- until=48h\n/,
    );
    assert.match(
      (await run("system", "prune", "-f", "--volumes")).stdout,
      /^Deleted Containers:\n1+\n2+\n\nDeleted Volumes:\nloose\n\nTotal reclaimed space: 5MB\n$/,
    );
    const wrong = async (...args: string[]): Promise<string> =>
      (await run("system", "prune", "-f", ...args)).stderr;
    assert.match(await wrong("--filter", "bogus=x"), /^mocker: invalid filter 'bogus'\n/);
    assert.equal(
      await wrong("--volumes", "--filter", "until=1h"),
      'ERROR: The "until" filter is not supported with "--volumes"\n',
    );
  });

  test("system check's status says whether something is left to do", async () => {
    const problem = {
      severity: "error" as const,
      subject: "blob sha256:1 of a:1",
      problem: "is missing",
      hint: "Run: mocker pull a:1",
      repaired: false,
    };
    const checked = { images: 1, blobs: 3, layers: 1, roots: 1, vms: 0 };
    for (const [problems, code, last] of [
      [[], 0, "no problems"],
      [[problem], 1, "1 problem"],
      [[{ ...problem, repaired: true }], 0, "no problems, 1 repaired"],
      [[{ ...problem, severity: "note" as const }], 0, "no problems"],
    ] as const) {
      setup.engine.handle(systemCheck, () => ({ problems: [...problems], checked }));
      const result = await run("system", "check");
      assert.equal(result.code, code);
      assert.ok(
        result.stdout.endsWith(`Checked 1 image, 3 blobs, 1 layer, 1 root disk, 0 VMs: ${last}\n`),
        result.stdout,
      );
    }
    assert.match(
      (await run("system", "check", "--format", "json")).stdout,
      /^\{"problems":\[\{"severity":"note"/,
    );
  });

  test("load sends its input and names what came", async () => {
    let received: Promise<Buffer> | undefined;
    setup.engine
      .handle(streamUpload, () => ({
        upload: "u",
        stream: setup.engine.stream((peer) => {
          received = peer.until(() => peer.sawEndOfStdin()).then(() => peer.stdin());
        }),
      }))
      .handle(imageLoad, async () => {
        while (received === undefined) await new Promise(setImmediate);
        assert.equal((await received).toString(), "archive");
        return {
          images: [
            { id: imageId, references: ["a:1", "b:2"] },
            { id: imageId, references: [] },
          ],
          renamed: [{ reference: "a:1", oldId: "sha256:old" }],
        };
      })
      .handle(imageImport, async ({ upload }) => {
        while (upload !== undefined && received === undefined) await new Promise(setImmediate);
        await received;
        return { id: imageId };
      });
    const io = setup.io();
    const { main } = await import("../../../../../engine/cli/program.ts");
    io.stdin.end("archive");
    assert.equal(await main(["load"], io), 0, io.errors());
    assert.equal(
      io.output(),
      `The image a:1 already exists, renaming the old one with ID sha256:old to empty string\nLoaded image: a:1\nLoaded image: b:2\nLoaded image ID: ${imageId}\n`,
    );
    received = undefined;
    const imported = setup.io();
    imported.stdin.end("tar");
    assert.equal(await main(["import", "-c", "CMD x", "-m", "hi", "-", "new:1"], imported), 0);
    assert.equal(imported.output(), `${imageId}\n`);
    assert.deepEqual(setup.engine.paramsOf("image/import"), {
      upload: "u",
      source: "-",
      reference: "new:1",
      changes: ["CMD x"],
      message: "hi",
    });
    setup.engine.calls.length = 0;
    assert.equal(await run("import", "https://host/root.tar").then(({ stdout }) => stdout), `${imageId}\n`);
    assert.deepEqual(setup.engine.methods(), ["image/import"], "the engine fetches it");
    const fetched = setup.engine.paramsOf("image/import") as { source: string; upload?: string };
    assert.deepEqual([fetched.source, fetched.upload], ["https://host/root.tar", undefined]);
  });

  test("--platform goes with what is asked of an image", async () => {
    const lacking = (): never => {
      throw new MockerError(
        "NO_MATCHING_PLATFORM",
        "image with reference app was found but does not provide the specified platform (linux/arm64)",
      );
    };
    setup.engine
      .handle(imageInspect, lacking)
      .handle(imageHistory, lacking)
      .handle(imageRemove, ({ platform }) =>
        platform === "linux/arm64" ? lacking() : { untagged: [], deleted: ["sha256:a"] },
      );
    for (const verb of [["image", "inspect"], ["history"], ["rmi"]]) {
      setup.engine.calls.length = 0;
      const { code, stderr } = await run(...verb, "--platform", "linux/arm64", "app");
      assert.equal(code, 1, verb.join(" "));
      assert.match(stderr, /^mocker: image with reference app was found but does not provide the specified/);
      const params = setup.engine.calls[0]?.params as { platform?: string } | undefined;
      assert.equal(params?.platform, "linux/arm64");
    }
    const both = await run("image", "rm", "--platform", "linux/amd64", "--platform", "linux/arm64", "app");
    assert.equal(both.code, 1);
    assert.equal(both.stdout, "Deleted: sha256:a\n");
  });

  test("a save that breaks off says why", async () => {
    setup.engine.handle(imageSave, () => ({
      stream: setup.engine.stream((peer) => peer.error("STATE_CORRUPT", "the blob is gone", "Pull again.")),
    }));
    const { code, stderr } = await run("save", "x");
    assert.equal(code, 1);
    assert.equal(stderr, "mocker: the blob is gone\nhint: Pull again.\n");
    setup.engine.handle(imageSave, () => {
      throw new MockerError("IMAGE_NOT_FOUND", "No such image: x:latest");
    });
    assert.equal((await run("save", "x")).stderr, "mocker: No such image: x:latest\n");
  });
});

test("mistakes are Docker's, before any engine is asked", async () => {
  for (const [argv, stderr] of [
    [
      ["tag", "a"],
      "mocker: 'mocker tag' requires 2 arguments\n\nUsage:  mocker tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]\n\nRun 'mocker tag --help' for more information\n",
    ],
    [
      ["image", "prune", "x"],
      "mocker: 'mocker image prune' accepts no arguments\n\nUsage:  mocker image prune [OPTIONS]\n\nRun 'mocker image prune --help' for more information\n",
    ],
    [
      ["import"],
      "mocker: 'mocker import' requires at least 1 argument\n\nUsage:  mocker import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]\n\nSee 'mocker import --help' for more information\n",
    ],
    [
      ["save", "-o", "/nodir/x", "a"],
      "failed to save image: invalid output path: stat /nodir: no such file or directory\n",
    ],
    [["save", "-o", "/tmp", "a"], "failed to save image: cannot write to a directory\n"],
    [["save", "-o", "/dev/null", "a"], "failed to save image: cannot write to a character device file\n"],
    [
      ["export", "-o", "/nodir/x", "a"],
      "failed to export container: invalid output path: stat /nodir: no such file or directory\n",
    ],
    [["load", "-i", "/nofile"], "open /nofile: no such file or directory\n"],
    [
      ["system", "foo"],
      "mocker: unknown command: mocker system foo\n\nUsage:  mocker system\n\nRun 'mocker system --help' for more information\n",
    ],
  ] as [string[], string][]) {
    const result = await runOffline(argv);
    assert.equal(result.stderr, stderr, argv.join(" "));
    assert.equal(result.code, 1, argv.join(" "));
  }
});
