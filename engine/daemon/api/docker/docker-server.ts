import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import { createServer as createNetServer, type Socket } from "node:net";
import type { Log } from "../../log.ts";
import { isTrustedPeer, PrivateSocket } from "../private-socket.ts";
import { ApiRequest } from "./api-request.ts";
import { ApiResponse } from "./api-response.ts";
import { minorVersion, newestMinor } from "./api-version.ts";
import { HttpError, httpError } from "./http-error.ts";
import { Query } from "./query.ts";
import type { Router } from "./router.ts";
import { upgradedBody } from "./upgraded-body.ts";

/** From a connection's first moment, or the end of the answer before, to the end of a request's headers. */
const headersTimeoutMs = 30_000;
const maxHeaderBytes = 64 * 1024;
/** Those of one user are far fewer; each takes a descriptor. */
const maxConnections = 1024;

export interface DockerServerOptions {
  socketPath: string;
  router: Router;
  /** Of the engine. */
  version: string;
  log: Log;
  /** Called for each connection; the function that it returns is called when that has ended. */
  hold(): () => void;
}

/**
 * The Docker Engine API's unix socket: HTTP/1.1 over the same services as the JSON-RPC's. A path may begin
 * with a version, `/v1.45/…`.
 */
export class DockerServer {
  readonly #options: DockerServerOptions;
  readonly #socket: PrivateSocket;
  readonly #http: Server;

  constructor(options: DockerServerOptions) {
    this.#options = options;
    this.#http = createServer({ maxHeaderSize: maxHeaderBytes, noDelay: true });
    this.#http.headersTimeout = headersTimeoutMs;
    // Uploads and streams take as long as they take; connections stay for the next request, as dockerd's do.
    this.#http.requestTimeout = 0;
    this.#http.keepAliveTimeout = 0;
    this.#http.on("request", (message, raw) => {
      this.#serve(message, raw, bodyOf(message));
    });
    this.#http.on("checkContinue", (message, raw) => {
      raw.writeContinue();
      this.#serve(message, raw, bodyOf(message));
    });
    this.#http.on("upgrade", (message, socket: Socket, head) => {
      if (head.length > 0) socket.unshift(head);
      const raw = new ServerResponse(message);
      raw.assignSocket(socket);
      raw.shouldKeepAlive = false;
      raw.once("finish", () => socket.destroySoon());
      this.#serve(message, raw, upgradedBody(message, socket));
    });
    this.#http.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      if (socket.writable && error.code !== "ECONNRESET")
        socket.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      socket.destroy();
    });
    const net = createNetServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    net.maxConnections = maxConnections;
    this.#socket = new PrivateSocket(options.socketPath, net);
  }

  get path(): string {
    return this.#socket.path;
  }

  /** The caller holds the engine's lock, so that a socket file that is there is a dead engine's. */
  listen(): Promise<void> {
    return this.#socket.listen();
  }

  /** Listens no longer and removes the socket file. Connections go on. */
  withdraw(): void {
    this.#socket.withdraw();
  }

  #accept(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    if (!isTrustedPeer(socket, this.#options.log)) {
      socket.destroy();
      return;
    }
    socket.once("close", this.#options.hold());
    this.#http.emit("connection", socket);
  }

  async #serve(message: IncomingMessage, raw: ServerResponse, body: AsyncIterable<Buffer>): Promise<void> {
    const { log, router, version } = this.#options;
    const response = new ApiResponse(raw);
    raw.on("error", () => undefined);
    raw.setHeader("Api-Version", `1.${newestMinor}`);
    raw.setHeader("Docker-Experimental", "false");
    raw.setHeader("Ostype", "linux");
    raw.setHeader("Server", `Mocker/${version} (linux)`);
    const gone = new AbortController();
    const socket = message.socket;
    const onClose = (): void => gone.abort();
    socket.once("close", onClose);
    raw.once("close", () => socket.off("close", onClose));
    const { method = "", url = "" } = message;
    try {
      const [path = "", query = ""] = splitOnce(url, "?");
      const [, text, rest = path] = path.match(/^\/v(\d[^/]*)(\/.*)$/) ?? [];
      const minor = minorVersion(text);
      const match = matchOf(router, method, rest);
      if (!match) throw new HttpError(404, "page not found");
      const request = new ApiRequest({
        message,
        body,
        query: new Query(query),
        minor,
        signal: gone.signal,
        params: match.params,
      });
      await match.handler(request, response);
    } catch (error) {
      response.fail(httpError(error, `${method} ${url.split("?")[0]}`, log));
    }
  }
}

/** A reader that stops early must not end the connection: the answer that says why goes over it. */
function bodyOf(message: IncomingMessage): AsyncIterable<Buffer> {
  return message.iterator({ destroyOnReturn: false });
}

function matchOf(router: Router, method: string, path: string): ReturnType<Router["match"]> {
  try {
    return router.match(method, path);
  } catch (error) {
    if (error instanceof URIError) throw new HttpError(400, "invalid URL escape");
    throw error;
  }
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
