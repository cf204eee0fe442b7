import { createServer } from "node:net";

/** Whether a TCP port of this machine can be published: nobody listens there, and this user may. */
export function isFreePort(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: address, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
