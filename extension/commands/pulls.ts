import * as vscode from "vscode";
import { type ImagePullResult, imagePull } from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import { formatBytes } from "../views/format.ts";
import { PullMeter } from "./pull-meter.ts";

/** A pull under way. */
export interface Pull {
  readonly reference: string;
  readonly meter: PullMeter;
  readonly source: vscode.CancellationTokenSource;
  readonly done: Promise<ImagePullResult>;
}

let tokens = 0;
const refreshMs = 100;

/** The pulls of this window; the Images view shows them with their progress. */
export class Pulls implements vscode.Disposable {
  readonly #connection: Connection;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #active = new Map<string, Pull>();
  #timer: NodeJS.Timeout | undefined;

  readonly onDidChange = this.#changed.event;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get active(): readonly Pull[] {
    return [...this.#active.values()];
  }

  /** Starts a pull, or joins the one of the same reference. `done` rejects with MockerError. */
  start(reference: string): Pull {
    const running = this.#active.get(reference);
    if (running !== undefined) return running;
    const source = new vscode.CancellationTokenSource();
    const meter = new PullMeter();
    const pull: Pull = { reference, meter, source, done: this.#run(reference, meter, source) };
    this.#active.set(reference, pull);
    this.#changed.fire();
    const forget = () => {
      this.#active.delete(reference);
      source.dispose();
      this.#changed.fire();
    };
    pull.done.then(forget, forget);
    return pull;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const pull of this.#active.values()) pull.source.cancel();
    this.#changed.dispose();
  }

  async #run(
    reference: string,
    meter: PullMeter,
    source: vscode.CancellationTokenSource,
  ): Promise<ImagePullResult> {
    const progressToken = `pull-${process.pid}-${++tokens}`;
    const progress = await this.#connection.onProgress(progressToken, (value) => {
      meter.report(value);
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#changed.fire();
      }, refreshMs);
    });
    try {
      return await this.#connection.request(imagePull, { reference, progressToken }, source.token);
    } finally {
      progress.dispose();
    }
  }
}

/** `45% · 12MB of 30MB`, or what goes on when there are no bytes to count. */
export function pullText(meter: PullMeter): string {
  const { currentBytes, totalBytes, preparing } = meter.total();
  if (totalBytes === 0) return vscode.l10n.t("connecting…");
  if (preparing) return vscode.l10n.t("preparing…");
  const percent = Math.floor((100 * currentBytes) / totalBytes);
  return vscode.l10n.t("{0}% of {1}", percent, formatBytes(totalBytes));
}
