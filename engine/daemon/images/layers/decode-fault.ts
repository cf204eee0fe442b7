import { BlobError, type BlobFormat } from "../../../../native/index.ts";
import { TarError } from "../../../common/tar/tar-header.ts";

/**
 * The largest window of zstd data, as a power of two. RFC 8878 recommends that decoders support at least 8
 * MiB; `zstd` itself refuses more than 128 MiB by default.
 */
export const zstdWindowLog = 27;

/** The fault of data that a BlobReader refused. Rethrows errors that are no fault of the data. */
export function decodeFault(error: unknown, format: BlobFormat): TarError {
  switch (error instanceof BlobError ? error.fault : undefined) {
    case "damaged":
      return new TarError(`the ${format} data is damaged`);
    case "window-too-large":
      return new TarError(
        `the ${format} data needs a window of more than ${2 ** zstdWindowLog} bytes, which is not allowed`,
      );
    case "no-memory":
      return new TarError(`there is not enough memory to decompress the ${format} data`);
    case "unreadable":
      throw new Error("the file with the data cannot be read or became shorter");
    default:
      throw error;
  }
}
