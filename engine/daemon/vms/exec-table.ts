import { MockerError } from "../../protocol/errors.ts";
import type { Exec } from "./machine/exec.ts";

/** What became of an exec is asked for after its end; Docker, too, forgets it after five minutes. */
const keptMs = 5 * 60_000;
const maxKept = 1024;

/**
 * The execs of all VMs. One that runs stays; others stay for five minutes after their creation or end, and
 * only the latest of them.
 */
export class ExecTable {
  readonly #execs = new Map<string, Exec>();
  /** When those that do not run are forgotten, in milliseconds since the epoch; soonest first. */
  readonly #forgetMs = new Map<string, number>();

  add(exec: Exec): void {
    this.#execs.set(exec.id, exec);
    this.#keepForAWhile(exec.id);
    exec.exited.then(() => this.#keepForAWhile(exec.id));
  }

  /** @throws VM_NOT_FOUND in Docker's words */
  find(id: string): Exec {
    this.#sweep();
    const exec = this.#execs.get(id);
    if (!exec) throw new MockerError("VM_NOT_FOUND", `No such exec instance: ${id}`);
    return exec;
  }

  removeOf(vmId: string): void {
    for (const exec of this.#execs.values()) if (exec.config.vmId === vmId) this.#forget(exec.id);
  }

  #keepForAWhile(id: string): void {
    if (!this.#execs.has(id)) return;
    this.#forgetMs.delete(id);
    this.#forgetMs.set(id, Date.now() + keptMs);
    this.#sweep();
  }

  #sweep(): void {
    for (const [id, forgetMs] of this.#forgetMs) {
      if (this.#execs.get(id)?.state === "running") this.#forgetMs.delete(id);
      else if (forgetMs <= Date.now() || this.#forgetMs.size > maxKept) this.#forget(id);
      else break;
    }
  }

  #forget(id: string): void {
    this.#execs.delete(id);
    this.#forgetMs.delete(id);
  }
}
