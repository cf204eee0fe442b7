import { RequestType } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type { CopyFromParams, CopyToParams } from "./params/copy.ts";
import type { StreamRef } from "./stream.ts";

export type * from "./params/copy.ts";

export interface CopyFromResult {
  /**
   * A tar archive: stdout frames, an exit frame last. Its first entry is what PATH names, called by PATH's
   * last part (`.` for the root and for a path that ends with `/.`); the others lie below it. Exit code
   * {@link pathNotFoundStatus}: there is no such path.
   */
  stream: StreamRef;
  /** The source's parts. */
  name: string;
  path: string;
}

export const copyFrom = new RequestType<CopyFromParams, CopyFromResult, ErrorData>("copy/from");

/**
 * Puts files into a VM, running or not, by Docker's rules. Of a failure what was made before stays. `path`:
 * the destination, with a link at its end followed.
 */
export const copyTo = new RequestType<CopyToParams, { path: string }, ErrorData>("copy/to");

export const pathNotFoundStatus = 2;
