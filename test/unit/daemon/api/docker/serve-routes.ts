import { readFileSync } from "node:fs";
import { type IncomingMessage, type RequestOptions, request } from "node:http";
import { join } from "node:path";
import { afterEach } from "node:test";
import { DockerServer } from "../../../../../engine/daemon/api/docker/docker-server.ts";
import { Router } from "../../../../../engine/daemon/api/docker/router.ts";
import { Log } from "../../../../../engine/daemon/log.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

export interface Answer {
  status: number;
  text: string;
}

const servers: DockerServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.withdraw();
});

/** A server of Docker's API with only those routes that `add` gives it. */
export async function serveRoutes(add: (router: Router) => void): Promise<DockerClient> {
  const folder = tmpDir();
  const router = new Router();
  add(router);
  const socketPath = join(folder, "docker.sock");
  const log = new Log(join(folder, "engine.jsonl"), "debug");
  const connections = { all: 0, open: 0 };
  const hold = (): (() => void) => {
    connections.all++;
    connections.open++;
    return () => connections.open--;
  };
  const server = new DockerServer({ socketPath, router, version: "1.2.3", log, hold });
  await server.listen();
  servers.push(server);
  return new DockerClient(socketPath, log.path, connections);
}

/** A client with a connection for each request. */
export class DockerClient {
  readonly socketPath: string;
  /** Of the server, with any client. */
  readonly connections: Readonly<{ all: number; open: number }>;
  readonly #logPath: string;

  constructor(socketPath: string, logPath: string, connections: DockerClient["connections"]) {
    this.socketPath = socketPath;
    this.connections = connections;
    this.#logPath = logPath;
  }

  /** The server's log. */
  logged(): string {
    return readFileSync(this.#logPath, "utf8");
  }

  /** The answer whose headers have come. */
  async open(
    method: string,
    path: string,
    options: Pick<RequestOptions, "headers" | "signal"> & { body?: string | Buffer } = {},
  ): Promise<IncomingMessage> {
    const { body, ...rest } = options;
    return await new Promise((resolve, reject) => {
      const target = { socketPath: this.socketPath, method, path, agent: false, ...rest };
      request(target, resolve).once("error", reject).end(body);
    });
  }

  /** The whole answer. */
  async ask(...args: Parameters<DockerClient["open"]>): Promise<Answer> {
    const message = await this.open(...args);
    let text = "";
    for await (const chunk of message.setEncoding("utf8")) text += chunk;
    return { status: message.statusCode ?? 0, text };
  }
}
