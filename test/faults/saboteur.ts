import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, killQuietly } from "../support/processes.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";
import type { Worker } from "./worker.ts";
import type { World } from "./world.ts";

export type Kill = "engine" | "monitor" | "machine" | "network" | "client";

/** Kills and hinders processes at random instants. */
export class Saboteur {
  /** Processes that lived until they were killed. */
  readonly kills: Record<Kill, number> = { engine: 0, monitor: 0, machine: 0, network: 0, client: 0 };
  readonly hindrances = { stopped: 0, "full disk": 0, "no descriptors": 0 };
  readonly #world: World;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #workers: readonly Worker[];
  /** When each engine was first seen, by its pid. */
  readonly #engines = new Map<number, number>();
  /** What has to be undone before anything can be checked. */
  readonly #undo: (() => void)[] = [];

  constructor(world: World, random: Random, trace: Trace, workers: readonly Worker[]) {
    this.#world = world;
    this.#random = random;
    this.#trace = trace;
    this.#workers = workers;
  }

  get count(): number {
    return Object.values(this.kills).reduce((sum, count) => sum + count, 0);
  }

  async strike(): Promise<void> {
    await sleep(this.#random.between(10, 250));
    const engine = this.#world.enginePid();
    if (engine !== undefined && !this.#engines.has(engine)) this.#engines.set(engine, performance.now());
    const what = this.#random.pick({
      kill: 88,
      stop: 5,
      disk: this.#world.hasOwnDisk ? 4 : 0,
      descriptors: 3,
    });
    if (what === "kill")
      this.#kill(this.#random.pick({ engine: 4, monitor: 4, machine: 4, network: 1, client: 4 }));
    else if (what === "stop") this.#stop(this.#random.pick({ engine: 1, monitor: 2, network: 1, client: 1 }));
    else if (what === "disk") this.#fillDisk();
    else this.#takeDescriptors();
  }

  /** Ends every hindrance. */
  relent(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #kill(kind: Kill): void {
    const pid = this.#find(kind);
    if (pid === undefined || !isAlive(pid)) return;
    this.#trace.say(`kill ${kind} ${pid}`);
    if (kind === "monitor" || kind === "machine") this.#harm(kind, pid);
    killQuietly(pid);
    this.kills[kind]++;
  }

  /** A VM whose process is killed may be in any state from now on. */
  #harm(kind: "monitor" | "machine", pid: number): void {
    for (const [id, monitor] of this.#world.monitors()) {
      if (pid !== (kind === "monitor" ? monitor : this.#world.childOf(monitor))) continue;
      const name = this.#world.nameOf(id);
      const vm = this.#workers.flatMap(({ vms }) => vms.get(name) ?? [])[0];
      if (!vm) continue;
      vm.harmed = true;
      vm.runs = "unknown";
    }
  }

  #stop(kind: Exclude<Kill, "machine">): void {
    const pid = this.#find(kind);
    if (pid === undefined || !isAlive(pid)) return;
    this.#trace.say(`stop ${kind} ${pid}`);
    this.#trace.isDisturbed = true;
    killQuietly(pid, "SIGSTOP");
    this.hindrances.stopped++;
    this.#later(() => {
      this.#trace.say(`continue ${kind} ${pid}`);
      killQuietly(pid, "SIGCONT");
    });
  }

  #fillDisk(): void {
    this.#trace.say("fill the disk");
    this.#trace.isDisturbed = true;
    this.#world.fillDisk();
    for (const vm of this.#workers.flatMap(({ vms }) => [...vms.values()])) vm.unrecorded = true;
    this.hindrances["full disk"]++;
    this.#later(() => {
      this.#trace.say("free the disk");
      this.#world.freeDisk();
    });
  }

  #takeDescriptors(): void {
    const pid = this.#world.enginePid();
    if (pid === undefined) return;
    // One that is still reading its records would take them for damaged.
    if (performance.now() - (this.#engines.get(pid) ?? performance.now()) < 1000) return;
    this.#trace.say("take the engine's descriptors");
    this.#trace.isDisturbed = true;
    try {
      const giveBack = this.#world.limitDescriptors(pid, this.#random.between(0, 6));
      this.hindrances["no descriptors"]++;
      this.#later(() => {
        this.#trace.say("give the descriptors back");
        giveBack();
      });
    } catch {
      // It has ended meanwhile.
    }
  }

  #later(undo: () => void): void {
    const timer = setTimeout(once, this.#random.between(100, 2500));
    let isDone = false;
    this.#undo.push(once);
    function once(): void {
      clearTimeout(timer);
      if (!isDone) undo();
      isDone = true;
    }
  }

  #find(kind: Kill): number | undefined {
    const some = <Value>(values: readonly Value[]): Value | undefined =>
      values.length === 0 ? undefined : values[this.#random.between(0, values.length - 1)];
    switch (kind) {
      case "engine":
        return this.#world.enginePid();
      case "network":
        return some(this.#world.networkProcesses());
      case "client":
        return some(this.#workers.flatMap(({ client }) => client ?? []))?.pid;
      case "monitor":
      case "machine": {
        const monitor = some([...this.#world.monitors().values()]);
        if (monitor === undefined) return undefined;
        return kind === "monitor" ? monitor : this.#world.childOf(monitor);
      }
    }
  }
}
