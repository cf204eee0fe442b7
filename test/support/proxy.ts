import { createServer, request as httpRequest } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after } from "node:test";

export interface TestProxy {
  /** `http://127.0.0.1:PORT` */
  url: string;
  /** What went through it: `CONNECT host:port` and `GET http://host/path`. */
  seen: string[];
  stop(): void;
}

/**
 * An HTTP proxy on the loopback device that takes every host to `target` (`127.0.0.1:PORT`); ends after the
 * test file.
 */
export async function startProxy(target: string, login?: string): Promise<TestProxy> {
  const [host = "", port = ""] = target.split(":");
  const seen: string[] = [];
  const wanted = login === undefined ? undefined : `Basic ${Buffer.from(login).toString("base64")}`;
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    if (wanted !== undefined && request.headers["proxy-authorization"] !== wanted) {
      response.writeHead(407);
      response.end();
      return;
    }
    const { pathname, search } = new URL(request.url ?? "", "http://none");
    const { "proxy-authorization": _, ...headers } = request.headers;
    const onward = httpRequest(
      { host, port, method: request.method, path: pathname + search, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("connect", (request, socket: Socket, head: Buffer) => {
    seen.push(`CONNECT ${request.url}`);
    socket.on("error", () => {});
    if (wanted !== undefined && request.headers["proxy-authorization"] !== wanted) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const onward = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.write(head);
      onward.pipe(socket);
      socket.pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.on("close", () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  after(stop);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, stop };
}
