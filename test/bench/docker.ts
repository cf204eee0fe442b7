import { Agent, get as httpGet, request as httpRequest } from "node:http";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { dockerArchive } from "../fixtures/docker/docker-archive.ts";
import { startDockerd } from "../fixtures/docker/dockerd.ts";
import { Mocker } from "../support/mocker.ts";
import { bars } from "./bars.ts";
import { interleaved, progress, type Row, residentMiB } from "./measure.ts";

const containers = 100;
const connections = 200;
const requests = 2000;
const attachments = 50;
const eventStreams = 20;
const list = "/v1.45/containers/json?all=1";

/** Docker's API as many clients use it at once, beside a real dockerd. Needs root. */
export async function dockerPart(rounds: number): Promise<Row[]> {
  const mocker = new Mocker();
  const dockerd = await startDockerd({ containers: true });
  try {
    const archive = await dockerArchive(mocker.dir, "box");
    await mocker.ok(["load", "-q", "-i", archive]);
    await dockerd.docker("load", "-q", "-i", archive);
    const ours = new Load(join(mocker.runDir, "docker.sock"));
    const peer = new Load(dockerd.host.replace("unix://", ""));
    progress(`making ${containers} containers`);
    for (const load of [ours, peer]) await load.makeContainers();

    const many = await interleaved(
      `${requests} lists`,
      rounds,
      () => ours.lists(connections, requests),
      () => peer.lists(connections, requests),
    );
    for (const load of [ours, peer]) await load.openStreams();
    const one = await interleaved(
      "lists beside streams",
      rounds,
      () => ours.lists(1, 200),
      () => peer.lists(1, 200),
    );
    const memory = { ours: [residentMiB(await mocker.enginePid())], peer: [residentMiB(dockerd.pid)] };
    for (const load of [ours, peer]) load.close();
    return [
      {
        what: `${requests} lists of ${containers} VMs over ${connections} connections`,
        unit: "ms",
        peerName: "dockerd",
        ...many,
        bar: bars.docker,
      },
      {
        what: `200 lists beside ${attachments} attachments and ${eventStreams} event streams`,
        unit: "ms",
        peerName: "dockerd",
        ...one,
        bar: bars.docker,
      },
      { what: "engine after that, RSS", unit: "MiB", peerName: "dockerd", ...memory, bar: bars.docker },
    ];
  } finally {
    await mocker.close();
    await dockerd.stop();
  }
}

/** One daemon's clients. */
class Load {
  readonly #socketPath: string;
  readonly #streams: { destroy(): void }[] = [];

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async makeContainers(): Promise<void> {
    const body = (Cmd: string[]): string => JSON.stringify({ Image: "box", Cmd });
    for (let number = 0; number < containers; number++)
      await this.#post(`/containers/create?name=made${number}`, body(["true"]));
    await this.#post("/containers/create?name=runs", body(["sleep", "100000"]));
    await this.#post("/containers/runs/start", "");
  }

  /** Milliseconds for so many lists, over so many connections at once. */
  async lists(atOnce: number, count: number): Promise<number> {
    const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
    const started = performance.now();
    await Promise.all(Array.from({ length: count }, () => this.#get(list, agent)));
    const took = performance.now() - started;
    agent.destroy();
    return took;
  }

  async openStreams(): Promise<void> {
    const attach = "/containers/runs/attach?stream=1&stdout=1";
    for (let number = 0; number < attachments; number++)
      this.#streams.push(await this.#open("POST", attach, { Connection: "Upgrade", Upgrade: "tcp" }));
    for (let number = 0; number < eventStreams; number++)
      this.#streams.push(await this.#open("GET", "/events"));
  }

  close(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  #get(path: string, agent: Agent): Promise<void> {
    return new Promise((resolve, reject) => {
      httpGet({ socketPath: this.#socketPath, path, agent }, (response) => {
        response.resume();
        response.on("end", () => resolve());
      }).on("error", reject);
    });
  }

  #post(path: string, body: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const headers = { "Content-Type": "application/json" };
      const request = httpRequest(
        { socketPath: this.#socketPath, path, method: "POST", headers },
        (response) => {
          response.resume();
          const isDone = (response.statusCode ?? 500) < 300;
          response.on("end", () =>
            isDone ? resolve() : reject(new Error(`${path}: ${response.statusCode}`)),
          );
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  }

  #open(method: string, path: string, headers: Record<string, string> = {}): Promise<{ destroy(): void }> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({ socketPath: this.#socketPath, path, method, headers, agent: false });
      request.on("response", (response) => {
        response.resume();
        resolve(response);
      });
      request.on("upgrade", (_, socket) => {
        socket.resume();
        resolve(socket);
      });
      request.on("error", reject);
      request.end();
    });
  }
}
