import { RequestType } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type { StreamRef } from "./stream.ts";

export interface CopyFromParams {
  /**
   * `NAME:PATH` of a VM or an image; a VM wins. A VM's name goes up to the first colon, an image's up to the last one that a slash follows, so
   * that it may have a tag.
   */
  source: string;
  /** Copy what a symbolic link at the end of the path points to. */
  followLink?: boolean;
}

export interface CopyFromResult {
  /**
   * A tar archive: stdout frames, an exit frame last. Its first entry is what PATH names, called by PATH's last part (`.` for the root and
   * for a path that ends with `/.`); the others lie below it. Exit code {@link pathNotFoundStatus}: there is no such path.
   */
  stream: StreamRef;
  /** The source's parts. */
  name: string;
  path: string;
}

export const copyFrom = new RequestType<CopyFromParams, CopyFromResult, ErrorData>("copy/from");

export const pathNotFoundStatus = 2;
