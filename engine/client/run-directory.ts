/**
 * The directory of the engine's socket. In a sticky /tmp another user can make it before the engine does and
 * listen there in its place; so the client makes it before it starts an engine, and looks at it before each
 * connection.
 */
import { lstatSync, type Stats } from "node:fs";
import { makeDirectory } from "../common/make-directory.ts";
import { isPrivateDirectory } from "../common/paths.ts";
import { type DirectoryFault, EngineUnreachable } from "./errors.ts";

/**
 * @returns false if nothing is there; throws EngineUnreachable for what is not a private directory of this
 * user
 */
export function checkRunDirectory(path: string): boolean {
  let stat: Stats | undefined;
  try {
    stat = lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw unusable(path, error);
  }
  if (stat === undefined) return false;
  if (isPrivateDirectory(path)) return true;
  throw new EngineUnreachable(
    { kind: "run-directory", path, fault: faultOf(stat) },
    `${path} is not a private directory of this user: ${faultText(faultOf(stat))}`,
    { hint: "remove it, chmod it to 0700, or set MOCKER_RUN_DIR to a directory of yours" },
  );
}

/** Makes the directory with mode 0700 unless it is there. Throws EngineUnreachable. */
export function makeRunDirectory(path: string): void {
  if (checkRunDirectory(path)) return;
  try {
    makeDirectory(path);
  } catch (error) {
    throw unusable(path, error);
  }
  // Another user may have been quicker.
  checkRunDirectory(path);
}

function unusable(path: string, error: unknown): EngineUnreachable {
  const why = error instanceof Error ? error.message : String(error);
  return new EngineUnreachable(
    { kind: "run-directory", path, fault: { kind: "unusable", why } },
    `${path}, the directory of the engine's socket, cannot be used: ${why}`,
    { hint: "set MOCKER_RUN_DIR to a directory of yours", cause: error },
  );
}

function faultOf(stat: Stats): DirectoryFault {
  if (stat.isSymbolicLink()) return { kind: "link" };
  if (!stat.isDirectory()) return { kind: "no-directory" };
  if (stat.uid !== process.getuid?.()) return { kind: "foreign", uid: stat.uid };
  return { kind: "open", mode: stat.mode & 0o7777 };
}

function faultText(fault: DirectoryFault): string {
  switch (fault.kind) {
    case "link":
      return "it is a symbolic link";
    case "no-directory":
      return "it is no directory";
    case "foreign":
      return `it belongs to user ${fault.uid}`;
    case "open":
      return `others can enter it (mode ${fault.mode.toString(8).padStart(4, "0")})`;
    case "unusable":
      return fault.why;
  }
}
