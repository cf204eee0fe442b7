/** When a VM is started again by itself: moby's restartmanager. */
import { readFileSync } from "node:fs";
import type { RestartPolicy } from "../../../protocol/vm.ts";
import type { VmExitRecord, VmRestartRecord } from "../records/vm-record.ts";

const firstDelayMs = 100;
const longestDelayMs = 60_000;
/** A run that lasted so long was a good one: what comes after it is no loop. */
const goodRunMs = 10_000;

export interface RestartsOptions {
  /** It may be changed at any time. */
  policy: () => RestartPolicy;
  /** Keeps what must survive the engine. */
  write: (record: VmRestartRecord) => void;
  /** Names the time since the host was booted last. */
  bootId?: string;
}

/** The restarts of one VM: how many there were, whether there is a next one, and how long it waits. */
export class Restarts {
  readonly #options: RestartsOptions;
  readonly #bootId: string;
  #record: VmRestartRecord = { version: 1, count: 0 };
  #delayMs = 0;

  constructor(options: RestartsOptions) {
    this.#options = options;
    this.#bootId = options.bootId ?? hostBootId();
  }

  /** Since somebody has started the VM. */
  get count(): number {
    return this.#record.count;
  }

  /** Goes on where an earlier engine has ended. */
  load(record: VmRestartRecord): void {
    this.#record = record;
  }

  startedByHand(): void {
    this.#delayMs = 0;
    this.#keep({ version: 1, count: 0 });
  }

  stoppedByHand(): void {
    this.#keep({ version: 1, count: this.count, stoppedInBoot: this.#bootId });
  }

  /** How long to wait before the next start, in milliseconds; undefined for none. */
  delayAfter({ exitCode, startedAt, finishedAt }: VmExitRecord): number | undefined {
    const { name, maximumRetryCount } = this.#options.policy();
    if (name === "no" || this.#record.stoppedInBoot !== undefined) return undefined;
    // As in Docker, a client whose start fails is told so, and that is all.
    if (startedAt === null && this.count === 0) return undefined;
    if (name === "on-failure") {
      const isExhausted = maximumRetryCount > 0 && this.count >= maximumRetryCount;
      if (exitCode === 0 || isExhausted) return undefined;
    }
    const ranMs = startedAt === null ? 0 : Date.parse(finishedAt) - Date.parse(startedAt);
    if (ranMs >= goodRunMs) this.#delayMs = 0;
    this.#delayMs = this.#delayMs === 0 ? firstDelayMs : Math.min(this.#delayMs * 2, longestDelayMs);
    this.#keep({ version: 1, count: this.count + 1 });
    return this.#delayMs;
  }

  /**
   * The same of an end that came while no engine was there. After a boot of the host, as when Docker's daemon
   * starts, `always` also starts what somebody has stopped; an engine alone comes and goes unnoticed.
   */
  delayAfterAbsence(exit: VmExitRecord): number | undefined {
    const { stoppedInBoot } = this.#record;
    const isAlways = this.#options.policy().name === "always";
    if (isAlways && stoppedInBoot !== undefined && stoppedInBoot !== this.#bootId)
      this.#record = { version: 1, count: this.count };
    return this.delayAfter(exit);
  }

  #keep(record: VmRestartRecord): void {
    const isNew = record.count !== this.count || record.stoppedInBoot !== this.#record.stoppedInBoot;
    this.#record = record;
    if (isNew && this.#options.policy().name !== "no") this.#options.write(record);
  }
}

/** "" where the host does not tell. */
function hostBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}
