/** Calls of dockerode, in an order in which each finds what those before it have made. */
import { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";

export interface Call {
  readonly name: string;
  run(docker: Docker): Promise<unknown>;
  /** Answers are compared word for word, not only in their shape. */
  readonly exact?: boolean;
}

/** The image that is there. */
const image = "box:latest";

const looping = { Image: image, Cmd: ["sh", "-c", "echo out; echo err >&2; exec sleep 1000"] };

/** Both outputs of a multiplexed stream. */
async function outputs(docker: Docker, stream: NodeJS.ReadableStream): Promise<{ out: string; err: string }> {
  const [out, err] = [new Collector(), new Collector()];
  docker.modem.demuxStream(stream, out, err);
  await new Promise((resolve) => {
    stream.on("end", resolve);
    stream.on("close", resolve);
  });
  return { out: out.text, err: err.text };
}

class Collector extends Writable {
  text = "";
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** What is sent until a time, in lines. */
async function linesFor(stream: NodeJS.ReadableStream, ms: number): Promise<Record<string, unknown>[]> {
  let said = "";
  stream.on("data", (chunk) => {
    said += chunk;
  });
  await sleep(ms);
  (stream as Readable).destroy();
  return said
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** Without what depends on the version of the host's cgroups. */
function commonStats(stats: unknown): unknown {
  const dependent = ["percpu_usage", "max_usage", "stats", "failcnt"];
  return JSON.parse(JSON.stringify(stats), (key, value) => (dependent.includes(key) ? undefined : value));
}

const exact = true;
const call = (name: string, run: Call["run"], more: Partial<Call> = {}): Call => ({ name, run, ...more });
const container = (docker: Docker, name = "one"): Docker.Container => docker.getContainer(name);

export const calls: readonly Call[] = [
  call("ping", async (docker) => String(await docker.ping()), { exact }),
  call("version", (docker) => docker.version()),
  call("info", (docker) => docker.info()),
  call("df", async (docker) => await docker.df()),

  call("listImages", (docker) => docker.listImages()),
  call("listImages all", (docker) => docker.listImages({ all: true })),
  call(
    "listImages reference",
    async (docker) =>
      (await docker.listImages({ filters: { reference: ["box"] } })).map(({ RepoTags }) => RepoTags),
    { exact },
  ),
  call(
    "listImages reference of nothing",
    (docker) => docker.listImages({ filters: JSON.stringify({ reference: { nosuch: true } }) as never }),
    { exact },
  ),
  call("image.inspect", (docker) => docker.getImage(image).inspect()),
  call("image.inspect of nothing", (docker) => docker.getImage("nosuch:1").inspect(), { exact }),
  call("image.history", (docker) => docker.getImage(image).history()),
  call(
    "image.tag",
    async (docker) => void (await docker.getImage(image).tag({ repo: "other/name", tag: "v1" })),
    {
      exact,
    },
  ),
  call("image.tag badly", (docker) => docker.getImage(image).tag({ repo: "BAD", tag: "v1" }), { exact }),
  call("image.get", async (docker) => (await sizeOf(await docker.getImage(image).get())) > 1000, { exact }),
  call("image.remove of a tag", (docker) => docker.getImage("other/name:v1").remove(), { exact }),
  call("image.remove of nothing", (docker) => docker.getImage("nosuch").remove(), { exact }),
  call("pull of what is nowhere", (docker) => docker.pull("127.0.0.1:1/nosuch:1")),
  call("loadImage of nonsense", async (docker) => {
    const stream = await docker.loadImage(Readable.from([Buffer.from("nonsense")]) as never);
    return (await text(stream as Readable)).length > 0;
  }),
  call(
    "importImage",
    async (docker) => {
      const archive = await container(docker, "nosuch")
        .getArchive({ path: "/" })
        .catch(() => undefined);
      return archive === undefined;
    },
    { exact },
  ),

  call("createVolume", (docker) => docker.createVolume({ Name: "vol", Labels: { k: "v" } })),
  call("volume.inspect", (docker) => docker.getVolume("vol").inspect()),
  call("listVolumes", (docker) => docker.listVolumes()),
  call(
    "listVolumes by label",
    async (docker) =>
      (await docker.listVolumes({ filters: { label: ["k=v"] } as never })).Volumes.map(({ Name }) => Name),
    { exact },
  ),
  call("volume.inspect of nothing", (docker) => docker.getVolume("nosuch").inspect(), { exact }),
  call("volume.remove of nothing", (docker) => docker.getVolume("nosuch").remove(), { exact }),

  call(
    "createNetwork",
    async (docker) => (await docker.createNetwork({ Name: "net", Labels: { k: "v" } })).id.length,
    {
      exact,
    },
  ),
  call("createNetwork again", (docker) => docker.createNetwork({ Name: "net", CheckDuplicate: true })),
  call("network.inspect", (docker) => docker.getNetwork("net").inspect()),
  call("network.inspect of nothing", (docker) => docker.getNetwork("nosuch").inspect(), { exact }),
  call("listNetworks", async (docker) => (await docker.listNetworks()).map(({ Name }) => Name).sort(), {
    exact,
  }),
  call("listNetworks by name", (docker) => docker.listNetworks({ filters: { name: ["net"] } })),

  call(
    "createContainer",
    async (docker) =>
      (
        await docker.createContainer({
          ...looping,
          name: "one",
          Env: ["A=1"],
          Labels: { k: "v" },
          ExposedPorts: { "80/tcp": {} },
          HostConfig: {
            Binds: ["vol:/data"],
            PortBindings: { "80/tcp": [{ HostPort: "0" }] },
            NetworkMode: "net",
            RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 },
            MemorySwappiness: -1 as never,
          },
        })
      ).id.length,
    { exact },
  ),
  call("createContainer with a name that is taken", (docker) =>
    docker.createContainer({ ...looping, name: "one" }),
  ),
  call("createContainer without an image", (docker) => docker.createContainer({ Image: "nosuch:1" }), {
    exact,
  }),
  call("createContainer with a bad name", (docker) => docker.createContainer({ ...looping, name: "a/b" }), {
    exact,
  }),
  call("createContainer without a command", async (docker) => {
    const made = await docker.createContainer({ Image: image, Cmd: [] });
    await made.remove();
    return "made";
  }),
  call("container.inspect, created", (docker) => container(docker).inspect()),
  call("listContainers", (docker) => docker.listContainers(), { exact }),
  call("listContainers all", (docker) => docker.listContainers({ all: true })),
  call("container.start", async (docker) => void (await container(docker).start()), { exact }),
  call("container.start again", (docker) => container(docker).start(), { exact }),
  call("container.inspect, running", (docker) => container(docker).inspect()),
  call(
    "container.inspect with size",
    async (docker) => await container(docker).inspect({ size: true } as never),
  ),
  call("container.inspect of nothing", (docker) => container(docker, "nosuch").inspect(), { exact }),
  call("listContainers running", async (docker) => await docker.listContainers({ size: true } as never)),
  ...(
    [
      { name: ["one"] },
      { name: ["nosuch"] },
      { label: ["k"] },
      { label: ["k=w"] },
      { status: ["running"] },
      { status: ["exited"] },
      { network: ["net"] },
      { volume: ["vol"] },
      { ancestor: ["box"] },
      { publish: ["80"] },
    ] as Record<string, string[]>[]
  ).map((filters) =>
    call(
      `listContainers ${JSON.stringify(filters)}`,
      async (docker) => (await docker.listContainers({ all: true, filters })).map(({ Names }) => Names),
      { exact },
    ),
  ),
  call("listContainers by nonsense", (docker) => docker.listContainers({ filters: { nonsense: ["x"] } }), {
    exact,
  }),
  call("network.inspect with a container", (docker) => docker.getNetwork("net").inspect()),

  call(
    "container.logs",
    async (docker) => {
      await sleep(500);
      const logs = await container(docker).logs({ stdout: true, stderr: true, follow: false });
      return outputs(docker, Readable.from([logs]));
    },
    { exact },
  ),
  call(
    "container.logs of stdout alone",
    async (docker) =>
      outputs(docker, Readable.from([await container(docker).logs({ stdout: true, tail: 1 })])),
    { exact },
  ),
  call("container.logs of neither", (docker) => container(docker).logs({ stdout: false, stderr: false }), {
    exact,
  }),
  call(
    "container.logs with times",
    async (docker) => {
      const { out } = await outputs(
        docker,
        Readable.from([await container(docker).logs({ stdout: true, timestamps: true })]),
      );
      return /^\d{4}-\d\d-\d\dT[\d:.]+Z out\n$/.test(out);
    },
    { exact },
  ),
  call(
    "container.logs follow",
    async (docker) => {
      const stream = await container(docker).logs({ stdout: true, stderr: true, follow: true });
      setTimeout(() => (stream as Readable).destroy(), 300);
      return outputs(docker, stream);
    },
    { exact },
  ),
  call("container.top", async (docker) => (await container(docker).top()).Titles, { exact }),
  call(
    "container.top -o pid,args",
    async (docker) => (await container(docker).top({ ps_args: "-o pid,args" })).Titles,
    { exact },
  ),
  call("container.stats", async (docker) => commonStats(await container(docker).stats({ stream: false }))),
  call("container.stats one-shot", async (docker) =>
    commonStats(await container(docker).stats({ stream: false, "one-shot": true } as never)),
  ),
  call(
    "container.stats stream",
    async (docker) => (await linesFor(await container(docker).stats({ stream: true }), 2500)).length > 0,
    { exact },
  ),

  call(
    "exec",
    async (docker) => {
      const exec = await container(docker).exec({
        Cmd: ["sh", "-c", "echo out; echo err >&2; exit 3"],
        AttachStdout: true,
        AttachStderr: true,
        Env: ["B=2"],
      });
      const said = await outputs(docker, await exec.start({}));
      return { ...said, code: (await exec.inspect()).ExitCode };
    },
    { exact },
  ),
  call("exec.inspect", async (docker) => {
    const exec = await container(docker).exec({ Cmd: ["true"], AttachStdout: true });
    const before = await exec.inspect();
    await outputs(docker, await exec.start({}));
    return [before, await exec.inspect()];
  }),
  call(
    "exec with stdin",
    async (docker) => {
      const exec = await container(docker).exec({ Cmd: ["cat"], AttachStdin: true, AttachStdout: true });
      const stream = await exec.start({ hijack: true, stdin: true });
      stream.end("hello\n");
      return outputs(docker, stream);
    },
    { exact },
  ),
  call(
    "exec with a terminal",
    async (docker) => {
      const exec = await container(docker).exec({ Cmd: ["tty"], AttachStdout: true, Tty: true });
      const stream = await exec.start({ Tty: true });
      return /^\/dev\/pts\/\d+\r\n$/.test(await text(stream as unknown as Readable));
    },
    { exact },
  ),
  call(
    "exec detached",
    async (docker) => {
      const exec = await container(docker).exec({ Cmd: ["touch", "/tmp/detached"] });
      await exec.start({ Detach: true });
      await sleep(300);
      return (await exec.inspect()).ExitCode;
    },
    { exact },
  ),
  call(
    "exec of what there is not",
    async (docker) => {
      const exec = await container(docker).exec({ Cmd: ["nosuch"], AttachStdout: true });
      const stream = await exec.start({}).catch((error) => error.statusCode);
      if (typeof stream !== "number") await text(stream as Readable);
      return (await exec.inspect()).ExitCode;
    },
    { exact },
  ),
  call(
    "exec as a user in a directory",
    async (docker) => {
      const exec = await container(docker).exec({
        Cmd: ["sh", "-c", "id -u; pwd"],
        AttachStdout: true,
        User: "1",
        WorkingDir: "/tmp",
      });
      return outputs(docker, await exec.start({}));
    },
    { exact },
  ),
  call("exec.inspect of nothing", (docker) => docker.getExec("0".repeat(64)).inspect()),
  call("exec in nothing", (docker) => container(docker, "nosuch").exec({ Cmd: ["true"] }), { exact }),
  call("exec without a command", (docker) => container(docker).exec({ Cmd: [] }), { exact }),

  call(
    "container.putArchive",
    async (docker) => {
      const archive = await container(docker).getArchive({ path: "/etc/passwd" });
      await container(docker).putArchive(archive, { path: "/tmp" });
      return "put";
    },
    { exact },
  ),
  call(
    "container.getArchive",
    async (docker) =>
      (await text((await container(docker).getArchive({ path: "/tmp/passwd" })) as Readable)).includes(
        "root:",
      ),
    { exact },
  ),
  call(
    "container.infoArchive",
    async (docker) => {
      const { headers } = (await container(docker).infoArchive({ path: "/tmp/passwd" })) as never as {
        headers: Record<string, string>;
      };
      const header = Buffer.from(headers["x-docker-container-path-stat"] ?? "", "base64").toString();
      const { mtime, ...stat } = JSON.parse(header);
      return { ...stat, mtime: typeof mtime };
    },
    { exact },
  ),
  call("container.getArchive of nothing", async (docker) => {
    await container(docker).getArchive({ path: "/nosuch" });
  }),
  call("container.changes", async (docker) =>
    (await container(docker).changes())
      .map(({ Path, Kind }: { Path: string; Kind: number }) => [Path, Kind])
      .sort(),
  ),
  call("container.export", async (docker) => (await sizeOf(await container(docker).export())) > 1000, {
    exact,
  }),
  call(
    "container.commit",
    async (docker) =>
      /^sha256:[0-9a-f]{64}$/.test(
        (await container(docker).commit({ repo: "made", tag: "1", comment: "c" })).Id,
      ),
    { exact },
  ),

  call("container.pause", async (docker) => void (await container(docker).pause()), { exact }),
  call("exec while paused", (docker) => container(docker).exec({ Cmd: ["true"] })),
  call("container.pause again", (docker) => container(docker).pause()),
  call("container.unpause", async (docker) => void (await container(docker).unpause()), { exact }),
  call("container.rename", async (docker) => void (await container(docker).rename({ name: "two" })), {
    exact,
  }),
  call(
    "container.rename back",
    async (docker) => void (await container(docker, "two").rename({ name: "one" })),
    {
      exact,
    },
  ),
  call("container.update", (docker) => container(docker).update({ RestartPolicy: { Name: "no" } })),
  call("container.resize", (docker) =>
    container(docker)
      .resize({ h: 10, w: 20 })
      .then(() => "resized"),
  ),
  call("container.restart", async (docker) => void (await container(docker).restart({ t: 0 })), { exact }),
  call(
    "container.kill with a signal",
    async (docker) => void (await container(docker).kill({ signal: "SIGUSR1" })),
    {
      exact,
    },
  ),
  call(
    "container.wait",
    async (docker) => {
      const waiting = container(docker).wait();
      await container(docker)
        .start()
        .catch(() => undefined);
      await container(docker)
        .kill()
        .catch(() => undefined);
      return (await waiting).StatusCode > 0;
    },
    { exact },
  ),
  call("container.kill of a stopped one", (docker) => container(docker).kill()),
  call("container.stop of a stopped one", (docker) => container(docker).stop(), { exact }),
  call("container.inspect, exited", (docker) => container(docker).inspect()),
  call(
    "network.connect",
    async (docker) => {
      await docker.createNetwork({ Name: "second" });
      await docker.getNetwork("second").connect({ Container: "one", EndpointConfig: { Aliases: ["alias"] } });
      return Object.keys((await container(docker).inspect()).NetworkSettings.Networks).sort();
    },
    { exact },
  ),
  call(
    "network.disconnect",
    async (docker) => {
      await docker.getNetwork("second").disconnect({ Container: "one" });
      return Object.keys((await container(docker).inspect()).NetworkSettings.Networks);
    },
    { exact },
  ),
  call("container.remove", async (docker) => void (await container(docker).remove({ v: true })), { exact }),
  call("container.remove of nothing", (docker) => container(docker).remove(), { exact }),

  call(
    "attach before start",
    async (docker) => {
      const made = await docker.createContainer({ Image: image, Cmd: ["echo", "first"], name: "attached" });
      const stream = await made.attach({ stream: true, stdout: true, stderr: true });
      const said = outputs(docker, stream);
      await made.start();
      const { StatusCode } = await made.wait();
      const result = { ...(await said), StatusCode };
      await made.remove();
      return result;
    },
    { exact },
  ),
  call(
    "attach with stdin",
    async (docker) => {
      const made = await docker.createContainer({
        Image: image,
        Cmd: ["cat"],
        OpenStdin: true,
        StdinOnce: true,
      });
      const stream = await made.attach({ stream: true, stdin: true, stdout: true, hijack: true });
      await made.start();
      stream.end("through cat\n");
      const said = await outputs(docker, stream);
      await made.remove({ force: true });
      return said;
    },
    { exact },
  ),
  call(
    "run",
    async (docker) => {
      const out = new Collector();
      const [result, made] = await docker.run(image, ["sh", "-c", "echo ran; exit 5"], out);
      await made.remove();
      return { said: out.text, result };
    },
    { exact },
  ),
  call(
    "start of a command that there is not",
    async (docker) => {
      const made = await docker.createContainer({ Image: image, Cmd: ["nosuch"] });
      const error = await made.start().catch((thrown) => thrown);
      await made.remove();
      return error.statusCode;
    },
    { exact },
  ),
  call("events", async (docker) => {
    const stream = await docker.getEvents({ filters: { type: ["container"], event: ["create", "destroy"] } });
    const lines = linesFor(stream as Readable, 1500);
    const made = await docker.createContainer({ Image: image, name: "seen" });
    await made.remove();
    return lines;
  }),
  call(
    "events of the past",
    async (docker) => {
      const now = Math.floor(Date.now() / 1000);
      const stream = await docker.getEvents({ since: now - 60, until: now, filters: { type: ["volume"] } });
      return (await text(stream as Readable)).includes('"vol"');
    },
    { exact },
  ),
  call("auth at what is no registry", (docker) =>
    docker.checkAuth({ username: "u", password: "p", serveraddress: "127.0.0.1:1" }),
  ),

  call("pruneContainers", (docker) => docker.pruneContainers()),
  call("pruneNetworks", async (docker) => ((await docker.pruneNetworks()).NetworksDeleted ?? []).sort(), {
    exact,
  }),
  call("volume.remove", async (docker) => void (await docker.getVolume("vol").remove()), { exact }),
  call("pruneVolumes", (docker) => docker.pruneVolumes()),
  call("pruneImages", (docker) => docker.pruneImages()),
  call("listServices", (docker) => docker.listServices()),
];

async function sizeOf(stream: NodeJS.ReadableStream): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return bytes;
}
