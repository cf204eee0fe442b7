import type { ApiRequest } from "../api-request.ts";
import type { ApiResponse } from "../api-response.ts";
import { RawClient, type RawClientOptions } from "./raw-client.ts";
import { WebSocketStream } from "./web-socket.ts";

const rawStream = "application/vnd.docker.raw-stream";

/** What frames are called since API 1.42; before, all streams are raw ones. */
export function streamType({ minor }: Pick<ApiRequest, "minor">, raw: boolean): string {
  return raw || minor < 42 ? rawStream : "application/vnd.docker.multiplexed-stream";
}

/**
 * Takes a request's connection over for a process's stream. Who asks for no upgrade gets an answer without
 * a length, which its own client may not write to.
 */
export function hijack(request: ApiRequest, response: ApiResponse, options: RawClientOptions): RawClient {
  const head =
    request.header("upgrade") === undefined
      ? ["HTTP/1.1 200 OK", `Content-Type: ${rawStream}`]
      : [
          "HTTP/1.1 101 UPGRADED",
          `Content-Type: ${streamType(request, options.raw)}`,
          "Connection: Upgrade",
          "Upgrade: tcp",
        ];
  return response.hijack(`${head.join("\r\n")}\r\n\r\n`, (socket) => new RawClient(socket, options));
}

/** The same behind a WebSocket's `head`; such a client gets payloads alone, of whatever process. */
export function hijackWebSocket(response: ApiResponse, head: string, options: RawClientOptions): RawClient {
  const own = { ...options, raw: true };
  return response.hijack(head, (socket) => new RawClient(new WebSocketStream(socket), own));
}
