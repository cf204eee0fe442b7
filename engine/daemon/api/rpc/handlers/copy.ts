import { copyFrom, copyTo } from "../../../../protocol/copy.ts";
import { MockerError } from "../../../../protocol/errors.ts";
import { CopyFromParams, CopyToParams } from "../../../../protocol/params/copy.ts";
import type { StreamRef } from "../../../../protocol/stream.ts";
import type { Copies } from "../../../system/copies.ts";
import type { RpcConnection } from "../rpc-connection.ts";
import type { StreamServer } from "../stream-server.ts";
import type { Uploads } from "../uploads.ts";
import { offerAttachment } from "./offer-attachment.ts";

export interface CopyServices {
  copies: Pick<Copies, "fromImage" | "fromVm" | "intoVm">;
  streams: StreamServer;
  uploads: Uploads;
}

/** Docker's `cp` out of a VM or an image, which its user names with one text, and into a VM. */
export function bindCopies(rpc: RpcConnection, { copies, streams, uploads }: CopyServices): void {
  const open = async ({ name, path, isVm }: Split, followLink: boolean): Promise<StreamRef> => {
    if (!isVm) return streams.offerBytes(await copies.fromImage(name, path, followLink));
    const attachment = await copies.fromVm(name, path, followLink);
    return offerAttachment(rpc, streams, attachment);
  };
  rpc.handle(copyTo, CopyToParams, ({ upload, ...into }, signal) =>
    uploads.take(upload, signal, async (archive) => ({ path: await copies.intoVm(into, archive, signal) })),
  );
  rpc.handle(copyFrom, CopyFromParams, async ({ source, followLink = false }) => {
    let ambiguous: MockerError | undefined;
    const parts = splits(source);
    for (const split of parts) {
      try {
        return { stream: await open(split, followLink), name: split.name, path: split.path };
      } catch (error) {
        if (!(error instanceof MockerError)) throw error;
        if (error.code !== (split.isVm ? "VM_NOT_FOUND" : "IMAGE_NOT_FOUND")) throw error;
        if (split.isVm && !error.message.startsWith("No such")) ambiguous = error;
      }
    }
    if (ambiguous) throw ambiguous;
    const likeliest = parts.find(({ isVm }) => !isVm);
    throw new MockerError("VM_NOT_FOUND", `No such container: ${likeliest?.name ?? source}`, {
      hint: "There is no image of that name either: see mocker ps -a and mocker images, or pull it first.",
    });
  });
}

interface Split {
  name: string;
  path: string;
  isVm: boolean;
}

/** How `text` may be meant, the likeliest first. Paths that are not absolute are relative to the root. */
function splits(text: string): Split[] {
  const colons = [...text.matchAll(/:/g)].map(({ index }) => index);
  const at = (colon: number, isVm: boolean): Split => ({
    name: text.slice(0, colon),
    path: text.slice(colon + 1),
    isVm,
  });
  const images = (absolute: boolean): Split[] =>
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
