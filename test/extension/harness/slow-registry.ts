import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { Transform } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

export interface SlowRegistry {
  /** `127.0.0.1:PORT` */
  host: string;
  /** Downloads of layers that are under way. */
  active(): number;
  stop(): void;
}

/**
 * A registry in front of another on the loopback device that gives layers out at a pace that one can watch.
 */
export async function slowRegistry(port: number, bytesPerSecond: number): Promise<SlowRegistry> {
  let active = 0;
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const isLayer = method === "GET" && path?.includes("/blobs/");
    const onward = request({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      if (!isLayer) {
        answer.pipe(outgoing);
        return;
      }
      active++;
      outgoing.once("close", () => active--);
      answer.pipe(pace(bytesPerSecond)).pipe(outgoing);
    });
    onward.once("error", () => outgoing.destroy());
    outgoing.once("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    active: () => active,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function pace(bytesPerSecond: number): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sleep((1000 * chunk.length) / bytesPerSecond).then(() => done(null, chunk));
    },
  });
}
