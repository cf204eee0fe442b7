/** The lines that dockerd answers pulls, pushes and loads with (moby, pkg/streamformatter). */
import type { PullProgress, PushedTag, PushProgress } from "../../protocol/index.ts";
import {
  extracting,
  type LayerLine,
  loadWords,
  progressBar,
  pullWords,
  pushWords,
} from "./transfer-progress.ts";

export interface ProgressLine {
  status?: string;
  /** Of a layer, or the tag that is pulled. */
  id?: string;
  /** Empty where nothing is counted. */
  progressDetail?: { current?: number; total?: number };
  /** `progressDetail` for people. */
  progress?: string;
  aux?: object;
}

/** What dockerd takes for the width of a terminal that it does not know. */
const columns = 200;

function layerLine(status: string, id: string): ProgressLine {
  return { status, progressDetail: {}, id };
}

function countingLine(status: string, { layer, currentBytes, totalBytes }: LayerLine): ProgressLine {
  if (currentBytes === undefined) return layerLine(status, layer);
  return {
    status,
    progressDetail: { current: currentBytes, ...(totalBytes === undefined ? {} : { total: totalBytes }) },
    progress: progressBar(currentBytes, totalBytes, columns),
    id: layer,
  };
}

/** Whether a line only counts: the next one says all that it says. */
export function isCount({ progressDetail }: ProgressLine): boolean {
  return progressDetail?.current !== undefined;
}

/** Tells of the pull of one tag. */
export class PullReport {
  #title: ProgressLine | undefined;
  /** What was told of layers, but for counts. */
  readonly #told = new Set<string>();

  /** @param title as `pullingFrom` gives it: `latest: Pulling from library/alpine` */
  constructor(title: string) {
    const colon = title.lastIndexOf(": ");
    this.#title = { status: title.slice(colon + 2), id: title.slice(0, colon) };
  }

  /** The lines that one report of the store's is worth. */
  lines(progress: PullProgress): ProgressLine[] {
    const { layer, status, message } = progress;
    const title = this.#takeTitle();
    if (layer === "") {
      const isTitle = title.length > 0 && status === "pulling";
      return isTitle || message === undefined ? title : [...title, { status: message }];
    }
    return [...title, ...this.#layerLines(progress)];
  }

  /** The lines behind the last report. */
  end(digest: string): ProgressLine[] {
    return [...this.#takeTitle(), { status: `Digest: ${digest}` }];
  }

  #takeTitle(): ProgressLine[] {
    const title = this.#title;
    this.#title = undefined;
    return title === undefined ? [] : [title];
  }

  #layerLines(progress: PullProgress): ProgressLine[] {
    const { layer, status, message, totalBytes } = progress;
    switch (status) {
      case "downloading":
        return [countingLine(pullWords.downloading, progress)];
      case "verifying":
        return this.#once(layer, pullWords.verifying);
      case "preparing": {
        // Layers are checked and unpacked while they come: what Docker says one after the other ends here.
        const lines = [...this.#once(layer, pullWords.verifying), ...this.#once(layer, pullWords.preparing)];
        return totalBytes === undefined ? lines : [...lines, countingLine(extracting, progress)];
      }
      case "retrying":
        return [layerLine(message === undefined ? pullWords.retrying : `Retrying: ${message}`, layer)];
      default:
        return this.#once(layer, pullWords[status]);
    }
  }

  #once(layer: string, status: string): ProgressLine[] {
    const key = `${layer} ${status}`;
    if (this.#told.has(key)) return [];
    this.#told.add(key);
    return [layerLine(status, layer)];
  }
}

/** What one report of a load is worth: dockerd only counts. */
export function loadLines(progress: PullProgress): ProgressLine[] {
  const counts = progress.layer !== "" && progress.currentBytes !== undefined;
  return counts ? [countingLine(loadWords.downloading, progress)] : [];
}

/** What one report of a push is worth. */
export function pushLines(progress: PushProgress): ProgressLine[] {
  const { layer, status, message } = progress;
  if (layer === "") return message === undefined ? [] : [{ status: message }];
  const word = pushWords[status];
  if (status === "pushing") return [countingLine(word, progress)];
  if (message === undefined) return [layerLine(word, layer)];
  return [layerLine(status === "retrying" ? `${word}: ${message}` : `${word} ${message}`, layer)];
}

/** The lines of a tag that was pushed. */
export function pushedLines({ tag, digest, size, insteadOfIndex }: PushedTag): ProgressLine[] {
  const aux = (value: object): ProgressLine => ({ progressDetail: {}, aux: value });
  const lines: ProgressLine[] = [
    { status: `${tag}: digest: ${digest} size: ${size}` },
    aux({ Tag: tag, Digest: digest, Size: size }),
  ];
  if (insteadOfIndex === undefined) return lines;
  const instead = { originalIndex: { digest: insteadOfIndex }, selectedManifest: { digest, size } };
  return [...lines, aux({ manifestPushedInsteadOfIndex: true, ...instead })];
}
