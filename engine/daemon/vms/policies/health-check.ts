/** Whether a VM does what it is for: moby's daemon/health.go. */
import { goDuration } from "../../../docker/durations.ts";
import { healthcheckCommand, healthcheckDefaults } from "../../../docker/run-options/healthcheck.ts";
import type { Health, Healthcheck, HealthLogEntry } from "../../../protocol/vm.ts";

const maxLogEntries = 5;

/** A check that runs in a guest. */
export interface ProbeRun {
  /** Its exit code. */
  exited: Promise<number>;
  /** What it has printed so far. */
  output(): string;
  kill(): void;
}

export interface HealthCheckOptions {
  check: Healthcheck;
  /** Starts a command in the guest. */
  run(command: string[]): Promise<ProbeRun>;
  /** Nothing is asked of a guest that is paused. */
  isPaused(): boolean;
  /** Called when {@link HealthCheck.health} already tells of it. */
  onStatus(status: Health["status"]): void;
}

/** One VM's health check: what it says of the run that goes on, or of the last one. */
export class HealthCheck {
  readonly #options: HealthCheckOptions;
  readonly #times: Required<Omit<Healthcheck, "test">>;
  #health: Health | undefined;
  /** Of the run that goes on. */
  #startedMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #probe: ProbeRun | undefined;

  constructor(options: HealthCheckOptions) {
    this.#options = options;
    const { intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries } = options.check;
    this.#times = {
      intervalMs: intervalMs || healthcheckDefaults.intervalMs,
      timeoutMs: timeoutMs || healthcheckDefaults.timeoutMs,
      startPeriodMs: startPeriodMs || healthcheckDefaults.startPeriodMs,
      startIntervalMs: startIntervalMs || healthcheckDefaults.startIntervalMs,
      retries: retries || healthcheckDefaults.retries,
    };
  }

  /** Undefined before the first run. */
  get health(): Health | undefined {
    return this.#health;
  }

  /** The main process runs since `startedMs`, in milliseconds since the epoch. */
  begin(startedMs: number): void {
    this.end();
    this.#health = { status: "starting", failingStreak: 0, log: [] };
    this.#startedMs = startedMs;
    this.#schedule(startedMs);
  }

  /** The main process has ended; what does not run is unhealthy, as in Docker. */
  end(): void {
    clearTimeout(this.#timer);
    this.#startedMs = undefined;
    this.#probe?.kill();
    this.#probe = undefined;
    if (this.#health) this.#health = { ...this.#health, status: "unhealthy" };
  }

  #schedule(startedMs: number): void {
    const { intervalMs, startIntervalMs, startPeriodMs } = this.#times;
    const isStarting = this.#health?.status === "starting" && Date.now() - startedMs < startPeriodMs;
    this.#timer = setTimeout(() => void this.#check(startedMs), isStarting ? startIntervalMs : intervalMs);
  }

  async #check(startedMs: number): Promise<void> {
    if (!this.#options.isPaused()) {
      const result = await this.#result();
      if (this.#startedMs !== startedMs) return;
      this.#take(result, startedMs);
    }
    this.#schedule(startedMs);
  }

  async #result(): Promise<HealthLogEntry> {
    const start = new Date().toISOString();
    const entry = (exitCode: number, output: string): HealthLogEntry => ({
      start,
      end: new Date().toISOString(),
      exitCode,
      output,
    });
    let probe: ProbeRun | undefined;
    let isLate = false;
    const exited = this.#options.run(healthcheckCommand(this.#options.check)).then((run) => {
      probe = run;
      this.#probe = run;
      // It was being started when its time was over.
      if (isLate) run.kill();
      return run.exited;
    });
    exited.catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, this.#times.timeoutMs, "late");
    });
    try {
      const exitCode = await Promise.race([exited, late]);
      const output = probe?.output() ?? "";
      if (exitCode !== "late") return entry(exitCode, output);
      isLate = true;
      probe?.kill();
      const limit = `Health check exceeded timeout (${goDuration(this.#times.timeoutMs)})`;
      return entry(-1, output === "" ? limit : `${limit}: ${output}`);
    } catch (error) {
      return entry(-1, error instanceof Error ? error.message : String(error));
    } finally {
      clearTimeout(timer);
      this.#probe = undefined;
    }
  }

  #take(entry: HealthLogEntry, startedMs: number): void {
    const before = this.#health ?? { status: "starting", failingStreak: 0, log: [] };
    const { retries, startPeriodMs } = this.#times;
    const log = [...before.log, entry].slice(-maxLogEntries);
    let { status, failingStreak } = before;
    if (entry.exitCode === 0) {
      status = "healthy";
      failingStreak = 0;
    } else if (status !== "starting" || Date.parse(entry.start) - startedMs >= startPeriodMs) {
      failingStreak++;
      if (failingStreak >= retries) status = "unhealthy";
    }
    this.#health = { status, failingStreak, log };
    if (status !== before.status) this.#options.onStatus(status);
  }
}
