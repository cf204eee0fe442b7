/** Where the workspace's files are in the VM, and the way back; also in the debug adapter's messages. */
import { posix } from "node:path";
import type { Mount } from "../../engine/protocol/index.ts";

/** A directory of the host, and where it appears in the VM. */
export interface SharedDirectory {
  local: string;
  remote: string;
}

/** Members of messages that hold a path (specification: Source, Module, StackFrame's source, …). */
const pathMembers = new Set(["path", "symbolFilePath", "program", "cwd"]);

/** Members of `launch` that say where debug information means other places (lldb-dap, Delve): as they are. */
const sourceMaps = new Set(["sourceMap", "substitutePath"]);

export class PathMapping {
  readonly #shared: readonly SharedDirectory[];

  /** Of directories within each other, the innermost counts. */
  constructor(shared: readonly SharedDirectory[]) {
    this.#shared = [...shared].map(({ local, remote }) => ({
      local: posix.normalize(local).replace(/(?<=.)\/$/, ""),
      remote: posix.normalize(remote).replace(/(?<=.)\/$/, ""),
    }));
  }

  /** What a VM's bind mounts share. */
  static shares(mounts: readonly Mount[]): SharedDirectory[] {
    return mounts.flatMap((mount) =>
      mount.type === "bind" ? [{ local: mount.source, remote: mount.target }] : [],
    );
  }

  /** The path in the VM of a file of the host; itself if the VM does not have it. */
  toRemote(path: string): string {
    return this.#map(path, "local", "remote");
  }

  toLocal(path: string): string {
    return this.#map(path, "remote", "local");
  }

  /** A message for the adapter, which knows the paths in the VM only. */
  messageToRemote<T>(message: T): T {
    return mapMembers(message, (path) => this.toRemote(path), isLaunch(message));
  }

  /** A message of the adapter for the editor. */
  messageToLocal<T>(message: T): T {
    return mapMembers(message, (path) => this.toLocal(path), false);
  }

  #map(path: string, from: keyof SharedDirectory, to: keyof SharedDirectory): string {
    let best: SharedDirectory | undefined;
    for (const shared of this.#shared) {
      if (isWithin(path, shared[from]) && (best === undefined || shared[from].length > best[from].length)) {
        best = shared;
      }
    }
    if (best === undefined) return path;
    const rest = path.slice(best[from].length).replace(/^\//, "");
    return rest === "" ? best[to] : posix.join(best[to], rest);
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}

/** `launch` and `attach` have whatever the adapter wants, so that any text there may be a path. */
function isLaunch(message: unknown): boolean {
  if (typeof message !== "object" || message === null || !("command" in message)) return false;
  return message.command === "launch" || message.command === "attach";
}

function mapMembers<T>(value: T, map: (path: string) => string, all: boolean): T {
  const mapped = (item: unknown, isPath: boolean): unknown => {
    if (typeof item === "string") return isPath && item.startsWith("/") ? map(item) : item;
    if (Array.isArray(item)) return item.map((element) => mapped(element, isPath && all));
    if (typeof item !== "object" || item === null) return item;
    return Object.fromEntries(
      Object.entries(item).map(([key, member]) => [
        key,
        all && sourceMaps.has(key) ? member : mapped(member, all || pathMembers.has(key)),
      ]),
    );
  };
  // The same shape with other texts in it.
  return mapped(value, false) as T;
}
