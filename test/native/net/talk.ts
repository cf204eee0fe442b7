import { createHash } from "node:crypto";
import type { Place } from "./place.ts";

// What tests of networks let places say to each other.

/** A server of both protocols that answers "echo of " and what it got: over TCP at the end of the stream. */
export function listen(place: Place, address: string, port: number): Promise<void> {
  return place.run(
    ({ net, dgram }, host, number) =>
      new Promise<void>((resolve, reject) => {
        const udp = dgram.createSocket("udp4");
        udp.on("message", (data, from) => udp.send(`echo of ${data}`, from.port, from.address));
        udp.on("error", reject);
        const server = net.createServer({ allowHalfOpen: true }, (socket) => {
          let got = "";
          socket.on("error", () => {});
          socket.on("data", (data) => {
            got += data;
          });
          socket.on("end", () => socket.end(`echo of ${got}`));
        });
        server.on("error", reject);
        udp.bind(number, host, () => server.listen(number, host, 512, resolve));
      }),
    address,
    port,
  );
}

/** What a server answers over TCP, or the error's code. */
export function ask(place: Place, address: string, port: number): Promise<string> {
  return place.run(
    ({ net }, host, number) =>
      new Promise<string>((resolve) => {
        const socket = net.connect(number, host);
        let got = "";
        socket.setTimeout(10_000, () => {
          resolve("timeout");
          socket.destroy();
        });
        socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
        socket.on("data", (data) => {
          got += data;
        });
        socket.on("end", () => resolve(got));
        socket.end("question");
      }),
    address,
    port,
  );
}

/** What a server answers over UDP, or the error's code. @param size of the question, else it is "question" */
export function askUdp(place: Place, address: string, port: number, size?: number): Promise<string> {
  return place.run(
    ({ dgram }, host, number, length) =>
      new Promise<string>((resolve) => {
        const socket = dgram.createSocket(host.includes(":") ? "udp6" : "udp4");
        const finish = (answer: string) => {
          clearTimeout(timer);
          resolve(answer);
          socket.close();
        };
        const timer = setTimeout(() => finish("timeout"), 2000);
        socket.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? ""));
        socket.on("message", (data) => finish(String(data)));
        socket.connect(number, host, (error?: Error) => {
          if (error !== undefined) return;
          socket.send(length === null ? "question" : "x".repeat(length), (failure) => {
            if (failure) finish((failure as NodeJS.ErrnoException).code ?? "");
          });
        });
      }),
    address,
    port,
    size ?? null,
  );
}

const block = 1 << 20;

/** The SHA-256 of what {@link send} sends. */
export function checksumOf(bytes: number): string {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes; at += block) hash.update(new Uint8Array(block).fill((at / block) % 251));
  return hash.digest("hex");
}

/**
 * Sends bytes over TCP to a server, and returns the SHA-256 of what came.
 * @param address where the server listens
 * @param direction "answer": the server sends, and is `from`
 * @param by where the client connects to, if that is not where the server listens
 */
export async function send(
  from: Place,
  to: Place,
  address: string,
  port: number,
  bytes: number,
  direction: "question" | "answer" = "question",
  by: { address: string; port: number } = { address, port },
): Promise<string> {
  const [server, client] = direction === "question" ? [to, from] : [from, to];
  await server.run(
    ({ net, kept }, host, number) =>
      new Promise<void>((resolve, reject) => {
        const listener = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
        kept.set("socket", new Promise((found) => listener.once("connection", found)));
        listener.on("error", reject);
        listener.listen(number, host, resolve);
      }),
    address,
    port,
  );
  await client.run(
    ({ net, kept }, host, number) =>
      new Promise<void>((resolve, reject) => {
        const socket = net.connect({ port: number, host, allowHalfOpen: true });
        kept.set("socket", socket);
        socket.on("error", reject);
        socket.on("connect", resolve);
      }),
    by.address,
    by.port,
  );
  const sum = to.run(async ({ crypto, kept }) => {
    const socket = (await kept.get("socket")) as import("node:net").Socket;
    const hash = crypto.createHash("sha256");
    for await (const data of socket) hash.update(data);
    socket.end();
    return hash.digest("hex");
  });
  await from.run(
    async ({ kept }, count, size) => {
      const socket = (await kept.get("socket")) as import("node:net").Socket;
      for (let at = 0; at < count; at += size)
        await new Promise((done) => socket.write(new Uint8Array(size).fill((at / size) % 251), done));
      socket.end();
    },
    bytes,
    block,
  );
  return sum;
}

/** Opens connections that stay open until all are there, and says how many were answered then. */
export function openMany(place: Place, address: string, port: number, count: number): Promise<number> {
  return place.run(
    async ({ net }, host, number, wanted) => {
      const sockets = await Promise.all(
        Array.from(
          { length: wanted },
          () =>
            new Promise<import("node:net").Socket | undefined>((resolve) => {
              const socket = net.connect({ port: number, host, allowHalfOpen: true }, () => resolve(socket));
              socket.on("error", () => resolve(undefined));
            }),
        ),
      );
      const answers = await Promise.all(
        sockets.map(
          (socket, i) =>
            new Promise<boolean>((resolve) => {
              if (socket === undefined) return resolve(false);
              let got = "";
              socket.on("data", (data) => {
                got += data;
              });
              socket.on("close", () => resolve(got === `echo of ${i}`));
              socket.end(`${i}`);
            }),
        ),
      );
      return answers.filter((good) => good).length;
    },
    address,
    port,
    count,
  );
}
