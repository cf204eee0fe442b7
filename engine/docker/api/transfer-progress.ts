/** What happens to an image's layers on their way, in Docker's words. */
import type { PullProgress, PushProgress } from "../../protocol/index.ts";
import { humanSize } from "../sizes.ts";

/** One layer's state, of whatever transfer. */
export interface LayerLine {
  readonly layer: string;
  readonly status: string;
  readonly currentBytes?: number;
  readonly totalBytes?: number;
  readonly message?: string;
}

export const pullWords: Readonly<Record<PullProgress["status"], string>> = {
  pulling: "Pulling fs layer",
  exists: "Already exists",
  waiting: "Waiting",
  downloading: "Downloading",
  verifying: "Verifying Checksum",
  preparing: "Download complete",
  complete: "Pull complete",
  retrying: "Retrying",
};

/** What `preparing` is while something is counted. */
export const extracting = "Extracting";

/** The same for layers of an archive. */
export const loadWords: Readonly<Record<PullProgress["status"], string>> = {
  ...pullWords,
  pulling: "Loading layer",
  downloading: "Loading layer",
  verifying: "Loading layer",
  preparing: "Loading layer",
  complete: "Loaded",
};

export const pushWords: Readonly<Record<PushProgress["status"], string>> = {
  preparing: "Preparing",
  waiting: "Waiting",
  pushing: "Pushing",
  pushed: "Pushed",
  exists: "Layer already exists",
  mounted: "Mounted from",
  retrying: "Retrying",
};

/** Docker leaves the bar out on terminals that are not wider. */
const columnsWithoutBar = 110;

/**
 * `[=====>     ]  1.2MB/3.4MB`, as Docker writes it for a terminal of `columns` (moby, pkg/jsonmessage); of
 * bytes whose total is unknown, or wrong, only how many.
 */
export function progressBar(current: number, total: number | undefined, columns: number): string {
  const done = humanSize(current, 4);
  if (total === undefined || total <= 0) return done;
  const filled = Math.min(50, Math.floor((current / total) * 50));
  const numbers = current > total ? done.padStart(8) : `${done.padStart(8)}/${humanSize(total, 4)}`;
  if (columns <= columnsWithoutBar) return numbers.trimStart();
  return `[${"=".repeat(filled)}>${" ".repeat(50 - filled)}] ${numbers}`;
}

/** Docker's last line of a pull. */
export function pullStatus(name: string, upToDate: boolean): string {
  return `Status: ${upToDate ? "Image is up to date" : "Downloaded newer image"} for ${name}`;
}
