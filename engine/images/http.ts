import { readdirSync, readFileSync } from "node:fs";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { join } from "node:path";

/** A failure after which the same request may succeed: a cut or stalled connection, a server that is overloaded. */
export class TransientError extends Error {
  /** Nobody listens there, or there is no way to it. */
  get refused(): boolean {
    const { code } = (this.cause ?? {}) as NodeJS.ErrnoException;
    return code === "ECONNREFUSED" || code === "EHOSTUNREACH" || code === "ENETUNREACH";
  }
  /** What the server asked for. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, options: { retryAfterMs?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "TransientError";
    this.retryAfterMs = options.retryAfterMs;
  }
}

export interface HttpOptions {
  method?: "GET" | "HEAD" | "POST";
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal | undefined;
  /** For https: accept any certificate. */
  insecure?: boolean;
}

export interface HttpResponse {
  status: number;
  headers: IncomingMessage["headers"];
  body: IncomingMessage;
}

/** A server that sends nothing for so long is given up. */
const idleTimeoutMs = 30_000;

/** Connections of one registry client; {@link close} ends the idle ones. */
export class HttpClient {
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: 8 });
  readonly #https = new Map<string, HttpsAgent>();

  close(): void {
    for (const agent of [this.#http, ...this.#https.values()]) {
      // Not agent.destroy(): another pull may share a download that uses one of its connections.
      for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
    }
  }

  /** One request, no redirect followed. Throws TransientError for trouble with the connection. */
  send(url: URL, options: HttpOptions = {}): Promise<HttpResponse> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const secure = url.protocol === "https:";
      const request = (secure ? httpsRequest : httpRequest)(url, {
        method: options.method ?? "GET",
        headers: { "user-agent": "mocker", ...options.headers },
        agent: secure ? this.#agent(url.host, options.insecure ?? false) : this.#http,
        timeout: idleTimeoutMs,
        ...(signal ? { signal } : {}),
      });
      request.on("timeout", () =>
        request.destroy(new TransientError(`no answer for ${idleTimeoutMs / 1000} seconds`)),
      );
      request.on("error", (error) =>
        reject(signal?.aborted ? (signal.reason as Error) : connectionError(error)),
      );
      request.on("response", (response) => {
        response.on("error", () => {});
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: response });
      });
      request.end(options.body);
    });
  }

  #agent(host: string, insecure: boolean): HttpsAgent {
    const key = `${host} ${insecure}`;
    let agent = this.#https.get(key);
    if (!agent) {
      const ca = extraCertificates(host);
      agent = new HttpsAgent({
        keepAlive: true,
        maxSockets: 8,
        rejectUnauthorized: !insecure,
        ...(ca.length > 0 ? { ca } : {}),
      });
      this.#https.set(key, agent);
    }
    return agent;
  }
}

/** A registry's own certificate authorities, where Docker has them: /etc/docker/certs.d/HOST[:PORT]/*.crt. */
function extraCertificates(host: string): Buffer[] {
  const folder = join("/etc/docker/certs.d", host);
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".crt"))
      .map((name) => readFileSync(join(folder, name)));
  } catch {
    return [];
  }
}

const permanentCodes =
  /^(ENOTFOUND|EAI_NONAME|ERR_INVALID_URL|EPROTO|ERR_SSL_|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_)/;

function connectionError(error: NodeJS.ErrnoException): Error {
  return error instanceof TransientError || permanentCodes.test(error.code ?? "")
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

/** Waits; rejects with the signal's reason if that comes first. */
export function delay(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Doubling from half a second to ten seconds, with some chance so that clients do not come back all at once. */
export function backoffMs(attempt: number): number {
  return Math.min(10_000, 500 * 2 ** attempt) * (0.75 + Math.random() / 2);
}
