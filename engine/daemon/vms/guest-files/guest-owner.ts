import { TarReader } from "../../../common/tar/tar-reader.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { FileTaskError } from "../machine/file-task.ts";
import type { GuestFiles } from "./guest-files.ts";

/** Who files belong to, by numbers. */
export interface Owner {
  uid: number;
  gid: number;
}

/** Of a list of users or groups; a guest may have anything there. */
const maxListBytes = 1024 * 1024;

/**
 * Whom `user`, as `--user` has it (`name`, `name:group`, or numbers), means in a VM, by its own lists.
 * @throws INVALID_ARGUMENT in Docker's words where it means nobody
 */
export async function guestOwner(files: GuestFiles, user: string, signal: AbortSignal): Promise<Owner> {
  const [name = "", group = ""] = user.split(":");
  const entry = find(await list(files, "/etc/passwd", signal), name, 2);
  const uid = number(entry?.[2]) ?? number(name);
  if (uid === undefined) throw unknown(`user ${name}`, "passwd");
  if (group === "") return { uid, gid: number(entry?.[3]) ?? 0 };
  const gid = number(find(await list(files, "/etc/group", signal), group, 2)?.[2]) ?? number(group);
  if (gid === undefined) throw unknown(`group ${group}`, "group");
  return { uid, gid };
}

function unknown(what: string, file: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", `unable to find ${what}: no matching entries in ${file} file`);
}

/** The entry with this name, or with it as its number. */
function find(entries: string[][], name: string, numberAt: number): string[] | undefined {
  return entries.find((entry) => entry[0] === name) ?? entries.find((entry) => entry[numberAt] === name);
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** The lines of a file of /etc, in their parts; none where there is no such file. */
async function list(files: GuestFiles, path: string, signal: AbortSignal): Promise<string[][]> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const reader = new TarReader({
    entry: () => undefined,
    data: (chunk, start, end) => {
      bytes += end - start;
      if (bytes > maxListBytes) throw new MockerError("INVALID_ARGUMENT", `${path} is too large`);
      chunks.push(Buffer.from(chunk.subarray(start, end)));
    },
    endEntry: () => undefined,
  });
  try {
    const copy = { path, name: "list", followLink: true };
    for await (const chunk of files.archive(copy, signal)) reader.push(chunk);
  } catch (error) {
    if (!(error instanceof FileTaskError) || !error.isMissing) throw error;
  }
  const lines = Buffer.concat(chunks).toString("utf8").split("\n");
  return lines.map((line) => line.split(":"));
}
