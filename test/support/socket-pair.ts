import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { tmpDir } from "./tmp-dir.ts";

/** Both ends of a connection: a client's, and the server's, which reads nothing yet. */
export async function socketPair(): Promise<[client: Socket, server: Socket]> {
  const path = join(tmpDir(), "s");
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(path);
  await once(server, "listening");
  const near = connect({ path, allowHalfOpen: true });
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  return [near, far];
}
