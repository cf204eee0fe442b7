import { posix } from "node:path";
import { copiedName } from "../../docker/copied-name.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { ImageStore } from "../images/image-store.ts";
import type { Attachment } from "../vms/machine/attachment.ts";
import type { CopyPath } from "../vms/machine/copy-path.ts";
import type { VmManager } from "../vms/vm-manager.ts";

/** An archive, as it is read from an image or as a VM sends it. */
export type CopySource = { name: string; path: string } & (
  | { chunks: AsyncIterable<Buffer> }
  | { attachment: Attachment }
);

/** Docker's `cp` out of a VM or an image: see {@link CopyFromParams} for `source`. @throws VM_NOT_FOUND */
export async function openCopySource(
  source: string,
  followLink: boolean,
  { vms, images }: { vms: VmManager; images: ImageStore },
): Promise<CopySource> {
  let ambiguous: MockerError | undefined;
  const parts = splits(source);
  for (const { name, path, isVm } of parts) {
    const wanted = copyPath(path, followLink);
    try {
      if (isVm) {
        vms.find(name);
        return { name, path, attachment: await vms.copy({ vm: name, copy: wanted }) };
      }
      const chunks = await images.archive(name, wanted.path, wanted.name, followLink);
      return { name, path, chunks: worded(chunks, name, path) };
    } catch (error) {
      if (!(error instanceof MockerError)) throw error;
      const isMissing = error.code === (isVm ? "VM_NOT_FOUND" : "IMAGE_NOT_FOUND");
      if (!isMissing) throw error;
      if (isVm && !error.message.startsWith("No such")) ambiguous = error;
    }
  }
  if (ambiguous) throw ambiguous;
  const likeliest = parts.find(({ isVm }) => !isVm);
  throw new MockerError("VM_NOT_FOUND", `No such container: ${likeliest?.name ?? source}`, {
    hint: "There is no image of that name either: see mocker ps -a and mocker images, or pull it first.",
  });
}

/** How `text` may be meant, the likeliest first. Paths that are not absolute are relative to the root. */
function splits(text: string): { name: string; path: string; isVm: boolean }[] {
  const colons = [...text.matchAll(/:/g)].map(({ index }) => index);
  const at = (colon: number, isVm: boolean) => ({
    name: text.slice(0, colon),
    path: text.slice(colon + 1),
    isVm,
  });
  const images = (absolute: boolean) =>
    colons
      .filter((colon) => (text[colon + 1] === "/") === absolute)
      .reverse()
      .map((colon) => at(colon, false));
  const [first] = colons;
  if (first === undefined) return [];
  // Only an image's name has a colon in it.
  return text[first + 1] === "/"
    ? [at(first, true), ...images(true), ...images(false)]
    : [...images(true), at(first, true), ...images(false)];
}

/** As Docker does: relative to the root, and clean but for what says that it is a folder. */
function copyPath(path: string, followLink: boolean): CopyPath {
  const clean = posix.join("/", path);
  const whole = /(^|\/)\.$/.test(path) && clean !== "/" ? posix.join(clean, "/") : clean;
  return { path: whole, name: copiedName(path), followLink };
}

async function* worded(chunks: AsyncIterable<Buffer>, name: string, path: string): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT")
      throw new MockerError("INVALID_ARGUMENT", `Could not find the file ${path} in image ${name}`);
    if (code === "ENOTDIR") throw new MockerError("INVALID_ARGUMENT", `${name}:${path}: not a directory`);
    if (code === "ELOOP")
      throw new MockerError("INVALID_ARGUMENT", `${name}:${path}: too many levels of symbolic links`);
    throw error;
  }
}
