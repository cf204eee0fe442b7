import { chmodSync, rmSync, statSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { dirname } from "node:path";
import { peerCredentials } from "../../../native/index.ts";
import { makeDirectory } from "../../common/make-directory.ts";
import { isPrivateDirectory } from "../../common/paths.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { Log } from "../log.ts";

/** The file of a unix socket that only this user and root reach: mode 0600 in a private directory. */
export class PrivateSocket {
  readonly path: string;
  readonly #server: Server;
  #inode: number | undefined;

  constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
  }

  /**
   * The caller holds the engine's lock, so that a socket file that is there is a dead engine's.
   * @throws ENGINE_UNREACHABLE where others could put something else in its place
   */
  async listen(): Promise<void> {
    const directory = dirname(this.path);
    makeDirectory(directory);
    if (!isPrivateDirectory(directory)) {
      throw new MockerError("ENGINE_UNREACHABLE", `${directory} is not a private directory of yours`, {
        hint: `Make it yours alone: chown and chmod 700 ${directory}, or set MOCKER_RUN_DIR.`,
      });
    }
    rmSync(this.path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.path, () => resolve());
    });
    chmodSync(this.path, 0o600);
    this.#inode = statSync(this.path).ino;
  }

  /** Whether the socket file is still the one that clients find. */
  reachable(): boolean {
    return statSync(this.path, { throwIfNoEntry: false })?.ino === this.#inode;
  }

  /**
   * Listens no longer and removes the socket file, unless another engine's stands there now. Connections go
   * on.
   */
  withdraw(): void {
    if (!this.reachable()) return;
    rmSync(this.path, { force: true });
    // This removes whatever is at the path, too.
    this.#server.close();
  }
}

/** Whether a connection's peer is of this user, or root; others are noted in the log. */
export function isTrustedPeer(socket: Socket, log: Pick<Log, "warn">): boolean {
  const fd = (socket as unknown as { _handle: { fd: number } })._handle.fd;
  const { uid, pid } = peerCredentials(fd);
  const trusted = uid === process.getuid?.() || uid === 0;
  if (!trusted) log.warn("peer.refused", { uid, pid });
  return trusted;
}
