import type { Socket } from "node:net";
import type { Place } from "../native/net/place.ts";

// What places say to each other for hours: each function leaves nothing open behind it.

/** Ports of {@link serve}. */
export const ports = { echo: 7000, sink: 7010, source: 7011, flood: 7012 };

/** Each byte of a stream by its place, as {@link serve} sends and expects it. */
const block = 1 << 20;

/**
 * Servers of a place. "echo" answers a question, by TCP and UDP; "sink" the SHA-256 of what it reads;
 * "source" sends as many bytes as the question says; "flood" sends for ever.
 */
export function serve(place: Place, address: string): Promise<void> {
  return place.run(
    async ({ net, dgram, crypto }, host, numbers, size) => {
      const listen = (port: number, act: (socket: Socket) => void) =>
        new Promise<void>((resolve, reject) => {
          const server = net.createServer({ allowHalfOpen: true }, (socket) => {
            socket.on("error", () => socket.destroy());
            act(socket);
          });
          server.on("error", reject);
          server.listen(port, host, 512, resolve);
        });
      await listen(numbers.echo, (socket) => {
        let got = "";
        socket.on("data", (data) => {
          got += data;
        });
        socket.on("end", () => socket.end(`echo of ${got}`));
      });
      await listen(numbers.sink, (socket) => {
        const hash = crypto.createHash("sha256");
        socket.on("data", (data) => hash.update(data));
        socket.on("end", () => socket.end(hash.digest("hex")));
      });
      await listen(numbers.source, (socket) => {
        socket.once("data", (data) => {
          let left = Number(data);
          let at = 0;
          const next = () => {
            if (left <= 0) {
              socket.end();
              return;
            }
            left -= size;
            socket.write(new Uint8Array(size).fill(at++ % 251), (error) => {
              if (!error) next();
            });
          };
          next();
        });
      });
      await listen(numbers.flood, (socket) => {
        const bytes = new Uint8Array(size);
        const next = (): void => {
          socket.write(bytes, (error) => {
            if (!error) next();
          });
        };
        next();
      });
      await new Promise<void>((resolve, reject) => {
        const udp = dgram.createSocket("udp4");
        udp.on("error", reject);
        udp.on("message", (data, from) => udp.send(`echo of ${data}`, from.port, from.address));
        udp.bind(numbers.echo, host, resolve);
      });
    },
    address,
    ports,
    block,
  );
}

/** Sends `mebibytes` to a sink and returns the SHA-256 of what came. */
export function put(place: Place, address: string, port: number, mebibytes: number): Promise<string> {
  return place.run(
    async ({ net }, host, number, count, size) => {
      const socket = net.connect({ port: number, host, allowHalfOpen: true });
      const answer = (async () => {
        let got = "";
        for await (const data of socket) got += data;
        return got;
      })();
      for (let i = 0; i < count; i++)
        await Promise.race([
          new Promise((done) => socket.write(new Uint8Array(size).fill(i % 251), done)),
          answer,
        ]);
      socket.end();
      return answer;
    },
    address,
    port,
    mebibytes,
    block,
  );
}

/** Takes `mebibytes` from a source and returns their SHA-256. */
export function take(place: Place, address: string, port: number, mebibytes: number): Promise<string> {
  return place.run(
    async ({ net, crypto }, host, number, bytes) => {
      const socket = net.connect({ port: number, host, allowHalfOpen: true });
      socket.write(String(bytes));
      const hash = crypto.createHash("sha256");
      for await (const data of socket) hash.update(data);
      socket.end();
      return hash.digest("hex");
    },
    address,
    port,
    mebibytes * block,
  );
}

/** Opens a connection to a flood, and reads nothing of it; that of the call before ends. */
export function stall(place: Place, address: string, port: number): Promise<void> {
  return place.run(
    ({ net, kept }, host, number) =>
      new Promise<void>((resolve, reject) => {
        (kept.get("stalled") as Socket | undefined)?.destroy();
        const socket = net.connect(number, host, resolve);
        socket.pause();
        socket.on("error", reject);
        kept.set("stalled", socket);
      }),
    address,
    port,
  );
}

/** The addresses of a name, as the gateway says. */
export function lookUp(place: Place, server: string, name: string): Promise<string> {
  return place.run(
    async ({ dns }, address, wanted) => {
      const resolver = new dns.promises.Resolver();
      resolver.setServers([address]);
      return (await resolver.resolve4(wanted)).join();
    },
    server,
    name,
  );
}
