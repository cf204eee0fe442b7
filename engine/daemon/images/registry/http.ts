import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import type { SecureContext, TLSSocket } from "node:tls";
import { HttpProxyAgent } from "http-proxy-agent";
import { HttpsProxyAgent } from "https-proxy-agent";
import { MockerError } from "../../../protocol/errors.ts";
import { trustOf } from "./certificates.ts";
import { proxyFor } from "./proxy.ts";
import { defaultSettings, type RegistrySettings } from "./registry-settings.ts";

/**
 * A failure after which the same request may succeed: a cut or stalled connection, a server that is
 * overloaded.
 */
export class TransientError extends Error {
  /** The address has no listener, or no route leads to it. */
  get refused(): boolean {
    const { code } = (this.cause ?? {}) as NodeJS.ErrnoException;
    return /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)$/.test(code ?? "");
  }
  /** The request took too long. */
  readonly timeout: boolean;
  /** The server's answer, if it gave one. */
  readonly status: number | undefined;
  /** The wait that the server asked for. */
  readonly retryAfterMs: number | undefined;
  constructor(
    message: string,
    options: { retryAfterMs?: number | undefined; timeout?: boolean; status?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.status = options.status;
    this.timeout = options.timeout ?? false;
    this.name = "TransientError";
    this.retryAfterMs = options.retryAfterMs;
  }
}

export interface HttpOptions {
  method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  headers?: Record<string, string>;
  /** A stream needs a content-length among the headers; it is destroyed when the request fails. */
  body?: string | Uint8Array | Readable | undefined;
  signal?: AbortSignal | undefined;
  /** For https: accept any certificate. */
  insecure?: boolean;
  /** A small document: the whole answer, its body included, must come within the time limit for documents. */
  document?: boolean;
  /** Instead of the client's time limit. */
  idleMs?: number;
}

export interface HttpResponse {
  status: number;
  headers: IncomingMessage["headers"];
  body: IncomingMessage;
}

export interface HttpTimeouts {
  /** Until there is a connection, its TLS handshake included. */
  connectMs: number;
  /** Without a byte in either direction. */
  idleMs: number;
  /** For the whole of a small document, see {@link HttpOptions.document}. */
  documentMs: number;
}

export const defaultTimeouts: HttpTimeouts = { connectMs: 15_000, idleMs: 30_000, documentMs: 120_000 };

export interface HttpClientOptions {
  timeouts?: Partial<HttpTimeouts> | undefined;
  /** Connections to one host at once. */
  maxSockets?: number;
  proxies?: RegistrySettings["proxies"];
  /** Directories with certificates for hosts, see certificates.ts. */
  certificateDirectories?: readonly string[];
}

interface Route {
  agent: HttpAgent;
  tls: { secureContext: SecureContext; rejectUnauthorized: boolean } | undefined;
}

/** Connections of one registry client; {@link close} ends the idle ones. */
export class HttpClient {
  readonly #routes = new Map<string, Route>();
  readonly #timeouts: HttpTimeouts;
  readonly #options: HttpClientOptions;

  constructor(options: HttpClientOptions = {}) {
    this.#options = options;
    this.#timeouts = { ...defaultTimeouts, ...options.timeouts };
  }

  close(): void {
    for (const { agent } of this.#routes.values()) {
      // Not agent.destroy(): another pull may share a download that uses one of its connections.
      for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
    }
  }

  /** One request, no redirect followed. Throws TransientError for trouble with the connection. */
  send(url: URL, options: HttpOptions = {}): Promise<HttpResponse> {
    const { signal, body } = options;
    const { connectMs, documentMs } = this.#timeouts;
    const idleMs = options.idleMs ?? this.#timeouts.idleMs;
    return new Promise((resolve, reject) => {
      const timers: NodeJS.Timeout[] = [];
      const end = (): void => timers.forEach(clearTimeout);
      const fail = (error: Error): void => {
        end();
        if (body instanceof Readable) body.destroy();
        reject(error);
      };
      if (signal?.aborted) return fail(signal.reason as Error);
      let route: Route;
      try {
        route = this.#route(url, options.insecure ?? false);
      } catch (error) {
        return fail(error as Error);
      }
      const secure = url.protocol === "https:";
      const request = (secure ? httpsRequest : httpRequest)(url, {
        method: options.method ?? "GET",
        headers: { "user-agent": "mocker", ...options.headers },
        agent: route.agent,
        timeout: idleMs,
        ...route.tls,
        ...(signal ? { signal } : {}),
      });
      let response: IncomingMessage | undefined;
      const limit = (milliseconds: number, what: string): void => {
        const error = new TransientError(what, { timeout: true });
        timers.push(setTimeout(() => (response ?? request).destroy(error), milliseconds).unref());
      };
      limit(connectMs, `no connection within ${connectMs / 1000} seconds`);
      if (options.document)
        limit(documentMs, `the answer did not come to its end within ${documentMs / 1000} seconds`);
      const connected = (): void => clearTimeout(timers[0]);
      request.on("socket", (socket) => {
        // One that is used again, or that a proxy has connected already.
        if (!socket.connecting && (!secure || (socket as TLSSocket).getFinished?.() !== undefined))
          return connected();
        socket.once(secure ? "secureConnect" : "connect", connected);
      });
      request.on("timeout", () =>
        request.destroy(new TransientError(`no answer for ${idleMs / 1000} seconds`, { timeout: true })),
      );
      request.on("error", (error) =>
        fail(signal?.aborted ? (signal.reason as Error) : connectionError(error)),
      );
      request.on("response", (message) => {
        connected();
        response = message;
        message.on("error", () => {});
        message.on("close", end);
        // An answer before the end of the body is one that does not want it.
        if (body instanceof Readable && !body.readableEnded) {
          body.unpipe(request).destroy();
          message.on("end", () => request.destroy());
        }
        resolve({ status: message.statusCode ?? 0, headers: message.headers, body: message });
      });
      if (body instanceof Readable) {
        body.on("error", (error) => request.destroy(error));
        body.pipe(request);
      } else request.end(body);
    });
  }

  #route(url: URL, insecure: boolean): Route {
    const secure = url.protocol === "https:";
    const key = `${url.origin} ${insecure}`;
    const known = this.#routes.get(key);
    if (known) return known;
    const proxy = proxyFor(url, this.#options.proxies ?? defaultSettings.proxies);
    const settings = { keepAlive: true, maxSockets: this.#options.maxSockets ?? 8 };
    const tls = (host: string, reject: boolean): NonNullable<Route["tls"]> => ({
      secureContext: trustOf(host, this.#options.certificateDirectories ?? [], reject),
      rejectUnauthorized: reject,
    });
    const toProxy = { ...settings, ...(proxy?.protocol === "https:" ? tls(proxy.host, true) : {}) };
    let agent: HttpAgent;
    if (proxy === undefined) agent = secure ? new HttpsAgent(settings) : new HttpAgent(settings);
    else agent = secure ? new HttpsProxyAgent(proxy, toProxy) : new HttpProxyAgent(proxy, toProxy);
    const route = { agent, tls: secure ? tls(url.host, !insecure) : undefined };
    this.#routes.set(key, route);
    return route;
  }
}

const permanentCodes =
  /^(ENOTFOUND|EAI_NONAME|ERR_INVALID_URL|EPROTO|ERR_SSL_|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_)/;

function connectionError(error: NodeJS.ErrnoException): Error {
  return error instanceof TransientError ||
    error instanceof MockerError ||
    permanentCodes.test(error.code ?? "")
    ? error
    : new TransientError(error.message, { cause: error });
}

/** The whole body; throws TransientError when it is cut, RangeError when it is longer than `limit`. */
export async function readBody(response: HttpResponse, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body) {
      length += (chunk as Buffer).length;
      if (length > limit) throw new RangeError(`an answer of more than ${limit} bytes`);
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    response.body.destroy();
    throw error instanceof RangeError ? error : connectionError(error as NodeJS.ErrnoException);
  }
  return Buffer.concat(chunks);
}

/** Throws away the rest of an answer, so that its connection can be used again if that is cheap. */
export function discard(response: HttpResponse): void {
  const length = Number(response.headers["content-length"] ?? Number.POSITIVE_INFINITY);
  if (length > 64 * 1024) response.body.destroy();
  else response.body.resume();
}

/** Milliseconds in a Retry-After header (RFC 9110, section 10.2.3), at most a minute. */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  const milliseconds = /^[0-9]+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(milliseconds) ? undefined : Math.min(Math.max(milliseconds, 0), 60_000);
}
