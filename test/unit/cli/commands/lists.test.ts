import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  imageInspect,
  imageList,
  MockerError,
  networkInspect,
  systemUsage,
  vmInspect,
  vmList,
  volumeInspect,
} from "../../../../engine/protocol/index.ts";
import {
  imageDetails,
  imageId,
  imageSummary,
  vmDetails,
  vmId,
  vmSummary,
  volumeSummary,
} from "../fixtures.ts";
import { Setup } from "../harness.ts";

const usage = {
  images: {
    items: [{ image: imageSummary({ sizeBytes: 7_000_000 }), sharedBytes: 0, vms: 1 }],
    diskBytes: 0,
    reclaimableBytes: 0,
  },
  vms: [{ vm: vmSummary(), diskBytes: 500_000 }],
  volumes: [],
};

type NotFound = "VM_NOT_FOUND" | "IMAGE_NOT_FOUND" | "NETWORK_NOT_FOUND" | "VOLUME_NOT_FOUND";

function notFound(code: NotFound, name: string): MockerError {
  return new MockerError(code, `No such object: ${name}`);
}

describe("lists", () => {
  let setup: Setup;
  before(async () => {
    setup = await Setup.create();
    setup.engine
      .handle(vmList, () => [
        vmSummary(),
        vmSummary({ id: "b".repeat(64), name: "two", mounts: [], labels: {} }),
      ])
      .handle(imageList, () => [
        imageSummary(),
        imageSummary({
          id: `sha256:${"e".repeat(64)}`,
          repoTags: ["127.0.0.1:5000/debian:12"],
          repoDigests: [],
        }),
        imageSummary({ id: `sha256:${"f".repeat(64)}`, repoTags: [], repoDigests: [], sizeBytes: 0 }),
      ])
      .handle(vmInspect, ({ vm }) => {
        if (vm !== "web") throw notFound("VM_NOT_FOUND", vm);
        return vmDetails();
      })
      .handle(networkInspect, ({ network }) => {
        throw notFound("NETWORK_NOT_FOUND", network);
      })
      .handle(imageInspect, ({ image }) => {
        if (image !== "alpine") throw notFound("IMAGE_NOT_FOUND", image);
        return imageDetails();
      })
      .handle(volumeInspect, ({ name }) => {
        if (name !== "data") throw notFound("VOLUME_NOT_FOUND", name);
        return volumeSummary();
      });
  });
  after(() => setup.close());

  test("ps has Docker's columns", async () => {
    const { code, stdout } = await setup.run(["ps"]);
    assert.equal(code, 0);
    assert.equal(
      stdout,
      `CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS         PORTS     NAMES
4f2a4f2a4f2a   alpine    "/docker-entrypoint.…"   2 minutes ago   Up 2 minutes             brave_otter
bbbbbbbbbbbb   alpine    "/docker-entrypoint.…"   2 minutes ago   Up 2 minutes             two
`,
    );
  });

  test("ps -q, --no-trunc, templates, tables of templates", async () => {
    assert.equal((await setup.run(["ps", "-q"])).stdout, "4f2a4f2a4f2a\nbbbbbbbbbbbb\n");
    assert.equal((await setup.run(["ps", "-q", "--no-trunc"])).stdout, `${vmId}\n${"b".repeat(64)}\n`);
    assert.equal(
      (await setup.run(["ps", "--no-trunc", "--format", "{{.Command}}|{{.Mounts}}"])).stdout,
      "\"/docker-entrypoint.sh nginx -g 'daemon off;'\"|/home/user/a/long/path\n".replace(/^/, "") +
        "\"/docker-entrypoint.sh nginx -g 'daemon off;'\"|\n",
    );
    assert.equal(
      (await setup.run(["container", "ls", "--format", "table {{.Names}}\\t{{.Runtime}}\\t{{upper .State}}"]))
        .stdout,
      "NAMES         RUNTIME   STATE\nbrave_otter   krun      RUNNING\ntwo           krun      RUNNING\n",
    );
    assert.equal(
      (await setup.run(["ps", "--format", '{{.Label "tier"}}/{{.Labels}}'])).stdout,
      "web/app=shop,tier=web\n/\n",
    );
  });

  test("ps --format json has Docker's keys, and the runtime", async () => {
    const { stdout } = await setup.run(["ps", "--format", "json"]);
    const lines = stdout.trimEnd().split("\n");
    assert.equal(lines.length, 2);
    const first = JSON.parse(lines[0] ?? "") as Record<string, string>;
    assert.deepEqual(Object.keys(first), [
      "Command",
      "CreatedAt",
      "ID",
      "Image",
      "Labels",
      "LocalVolumes",
      "Mounts",
      "Names",
      "Networks",
      "Platform",
      "Ports",
      "RunningFor",
      "Runtime",
      "Size",
      "State",
      "Status",
    ]);
    assert.equal(first.ID, "4f2a4f2a4f2a");
    assert.equal(first.Mounts, "/home/user/a/l…");
    assert.equal(first.Size, "0B");
    // A template that shows the size asks for it.
    setup.engine.handle0(systemUsage, () => usage);
    const { stdout: templated } = await setup.run(["ps", "--format", "{{json .}}"]);
    assert.match(templated, /^\{"Command".*"Size":"500kB \(virtual 7\.5MB\)".*\}\n\{.*\}\n$/);
    assert.match(
      (await setup.run(["ps", "-s"])).stdout,
      /NAMES +SIZE\n.* brave_otter +500kB \(virtual 7\.5MB\)\n/,
    );
    assert.match(first.CreatedAt ?? "", /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \S+$/);
  });

  test("ps hands filters and limits on", async () => {
    setup.engine.calls.length = 0;
    await setup.run(["ps", "-a", "-f", "status=exited", "--filter", "status=created", "-fname=web", "-n=3"]);
    await setup.run(["ps", "-l"]);
    assert.deepEqual(setup.engine.calls, [
      {
        method: "vm/list",
        params: { all: true, last: 3, filters: { status: ["exited", "created"], name: ["web"] } },
      },
      { method: "vm/list", params: { all: false, last: 1 } },
    ]);
  });

  test("images", async () => {
    assert.equal(
      (await setup.run(["images"])).stdout,
      `REPOSITORY              TAG       IMAGE ID       CREATED       SIZE
alpine                  latest    c0dec0dec0de   3 weeks ago   7.73MB
127.0.0.1:5000/debian   12        eeeeeeeeeeee   3 weeks ago   7.73MB
<none>                  <none>    ffffffffffff   3 weeks ago   0B
`,
    );
    assert.equal(
      (await setup.run(["image", "ls", "--digests", "--format", "{{.Repository}} {{.Digest}}"])).stdout,
      `alpine sha256:${"d1".repeat(32)}\n127.0.0.1:5000/debian <none>\n<none> <none>\n`,
    );
    assert.equal((await setup.run(["images", "-q", "--no-trunc"])).stdout.split("\n")[0], imageId);
    setup.engine.calls.length = 0;
    await setup.run(["images", "alp*", "-f", "dangling=false"]);
    assert.deepEqual(setup.engine.calls, [
      { method: "image/list", params: { filters: { dangling: ["false"], reference: ["alp*"] } } },
    ]);
  });

  test("inspect prints Docker's objects", async () => {
    const { code, stdout } = await setup.run(["inspect", "web", "alpine"]);
    assert.equal(code, 0);
    assert.match(stdout, /^\[\n {4}\{\n {8}"Id": "4f2a/);
    const [vm, image] = JSON.parse(stdout) as Record<string, Record<string, unknown>>[];
    assert.equal(vm?.Name, "/brave_otter");
    assert.deepEqual(vm?.State, {
      Status: "running",
      Running: true,
      Paused: false,
      Restarting: false,
      OOMKilled: false,
      Dead: false,
      Pid: 4711,
      ExitCode: 0,
      Error: "",
      StartedAt: "2024-05-01T12:00:01Z",
      FinishedAt: "0001-01-01T00:00:00Z",
    });
    assert.equal(vm?.HostConfig?.Memory, 536_870_912);
    assert.deepEqual(vm?.HostConfig?.Binds, ["/home/user/a/long/path:/data:ro"]);
    assert.deepEqual(vm?.Config?.Labels, { tier: "web", app: "shop" });
    assert.equal(vm?.Mocker?.stateDir, "/data/state/x");
    assert.deepEqual(image?.RootFS, { Type: "layers", Layers: [`sha256:${"bb".repeat(32)}`] });
    assert.deepEqual(image?.Config?.ExposedPorts, { "80/tcp": {} });
  });

  test("inspect by template", async () => {
    const lines = async (format: string): Promise<string> =>
      (await setup.run(["inspect", "-f", format, "web"])).stdout;
    assert.equal(await lines("{{.State.Status}} {{.State.Pid}}"), "running 4711\n");
    assert.equal(await lines("{{json .Config.Env}}"), '["PATH=/usr/bin:/bin"]\n');
    assert.equal(
      await lines("{{range .Mounts}}{{.Source}}->{{.Destination}} {{end}}"),
      "/home/user/a/long/path->/data \n",
    );
    assert.equal(await lines('{{index .Config.Labels "tier"}}{{index .Config.Labels "none"}}'), "web\n");
    assert.equal(await lines("{{.Config.Labels.none}}"), "<no value>\n");
    assert.equal(await lines("{{.Mocker.runtime}}"), "krun\n");
    const failed = await setup.run(["inspect", "-f", "{{.State.Foo}}", "web"]);
    assert.deepEqual(failed, {
      code: 1,
      stdout: "\n",
      stderr:
        'template parsing error: template: :1:8: executing "" at <.State.Foo>: map has no entry for key "Foo"\n',
    });
    assert.match(
      (await setup.run(["inspect", "--format", "json", "web"])).stdout,
      /^\[\{"Id":"4f2a.*\}\]\n$/,
    );
  });

  test("--quiet beside --format, as in Docker's images and in its ps", async () => {
    const first = async (...args: string[]): Promise<string> =>
      (await setup.run(args)).stdout.split("\n")[0] ?? "";
    const id = imageId.slice("sha256:".length, "sha256:".length + 12);
    assert.equal(await first("images", "-q"), id);
    assert.equal(await first("images", "-q", "--format", "table"), id);
    assert.equal(await first("images", "-q", "--format", "{{.Tag}}"), "latest");
    assert.equal(await first("images", "-q", "--format", "table {{.Tag}}"), "TAG");
    assert.match(await first("images", "-q", "--format", "json"), /^\{"Containers":/);
    assert.deepEqual(await setup.run(["ps", "-q", "--format", "{{.Names}}"]), {
      code: 0,
      stdout: (await setup.run(["ps", "-q"])).stdout,
      stderr: "WARNING: Ignoring custom format, because both --format and --quiet are set.\n",
    });
  });

  test("inspect --size adds up a VM's disk and its image, and is of no use for images", async () => {
    setup.engine.handle0(systemUsage, () => usage);
    const format = ["-s", "-f", "{{.SizeRw}} {{.SizeRootFs}}"];
    for (const verb of [["inspect"], ["container", "inspect"]])
      assert.equal((await setup.run([...verb, ...format, "web"])).stdout, "500000 7500000\n");
    const { code, stdout, stderr } = await setup.run(["inspect", "--size", "-f", "{{.Size}}", "alpine"]);
    assert.equal(code, 0);
    assert.match(stdout, /^[0-9]+\n$/);
    assert.equal(stderr, "WARNING: --size ignored for image\n");
    assert.doesNotMatch((await setup.run(["inspect", "web"])).stdout, /"Size/);
  });

  test("inspect prints what it finds, and tells what it does not", async () => {
    const { code, stdout, stderr } = await setup.run(["inspect", "nope", "web"]);
    assert.equal(code, 1);
    assert.equal((JSON.parse(stdout) as unknown[]).length, 1);
    assert.equal(stderr, "Error: No such object: nope\n");
    assert.equal((await setup.run(["inspect", "-f", "{{.Driver}}", "data"])).stdout, "local\n");
    assert.equal(
      (await setup.run(["inspect", "--type", "volume", "-f", "{{.Name}}", "data"])).stdout,
      "data\n",
    );
    assert.deepEqual(await setup.run(["inspect", "nope"]), {
      code: 1,
      stdout: "[]\n",
      stderr: "Error: No such object: nope\n",
    });
    assert.equal(
      (await setup.run(["inspect", "--type", "image", "web"])).stderr,
      "mocker: No such object: web\n",
    );
    assert.equal((await setup.run(["vm", "inspect", "alpine"])).code, 1);
  });
});
