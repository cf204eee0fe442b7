import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { after } from "node:test";

export interface CuttingProxy {
  /** `127.0.0.1:PORT` */
  host: string;
  /** Cuts each connection once the client has sent so many bytes over it; undefined: never. */
  limitBytes: number | undefined;
  cuts: number;
}

/**
 * Stands before a server and cuts connections in the middle of what a client sends; ends after the test file.
 */
export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const [host = "", port = ""] = target.split(":");
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const onward = connect(Number(port), host);
    let sent = 0;
    client.on("data", (data: Buffer) => {
      sent += data.length;
      if (proxy.limitBytes !== undefined && sent > proxy.limitBytes) {
        proxy.cuts++;
        // What came so far goes on, as from a cable that is pulled.
        onward.end(data.subarray(0, 1000));
        client.destroy();
        return;
      }
      if (!onward.write(data)) {
        client.pause();
        onward.once("drain", () => client.resume());
      }
    });
    onward.pipe(client);
    for (const socket of [client, onward]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        onward.end();
      });
    }
  });
  const proxy: CuttingProxy = { host: "", limitBytes: undefined, cuts: 0 };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return proxy;
}
