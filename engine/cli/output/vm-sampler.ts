import { setTimeout as sleep } from "node:timers/promises";
import type { EngineClient } from "../../client/engine-client.ts";
import { statsRow } from "../../docker/usage/stats.ts";
import { type VmStats, vmStats } from "../../protocol/index.ts";
import type { StatsEntry } from "./stats-view.ts";

const sampleMs = 1000;

/** Asks for what one VM uses, each second, until it is closed. */
export class VmSampler {
  readonly #engine: EngineClient;
  readonly #vm: string;
  readonly #end = new AbortController();
  #before: VmStats | undefined;
  #latest: VmStats | undefined;
  #error: unknown;
  /** Resolves when there is something to show: rates, or that there is nothing. */
  readonly first: Promise<void>;

  /** @param vm as its user calls it */
  constructor(engine: EngineClient, vm: string) {
    this.#engine = engine;
    this.#vm = vm;
    this.first = this.#begin();
  }

  /** Why the last question had no answer. */
  get error(): unknown {
    return this.#error;
  }

  entry(): StatsEntry {
    const now = this.#error === undefined ? this.#latest : undefined;
    return {
      container: this.#vm,
      id: this.#latest?.id,
      name: this.#latest?.name,
      now,
      row: now && statsRow(this.#before, now),
    };
  }

  close(): void {
    this.#end.abort();
  }

  async #begin(): Promise<void> {
    await this.#sample();
    if (this.#latest?.running) {
      await this.#pause();
      await this.#sample();
    }
    void this.#goOn();
  }

  async #goOn(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await this.#pause();
      await this.#sample();
    }
  }

  async #sample(): Promise<void> {
    if (this.#end.signal.aborted) return;
    try {
      const stats = await this.#engine.request(vmStats, { vm: this.#vm });
      this.#before = this.#latest;
      this.#latest = stats;
      this.#error = undefined;
    } catch (error) {
      this.#error = error;
    }
  }

  async #pause(): Promise<void> {
    await sleep(sampleMs, undefined, { signal: this.#end.signal }).catch(() => undefined);
  }
}
