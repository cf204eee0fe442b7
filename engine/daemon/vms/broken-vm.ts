import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { rescuedMember } from "../../common/rescued-member.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { VmSummary } from "../../protocol/vm.ts";
import type { Launcher } from "./machine/launcher.ts";
import type { VmFiles } from "./records/vm-record.ts";

const endTimeoutMs = 10_000;

/**
 * A VM whose record cannot be read. It is listed, as dead, keeps its name and what its record names, and can
 * only be removed.
 */
export class BrokenVm {
  readonly id: string;
  readonly files: VmFiles;
  /** What the record still says; else made of the id. */
  readonly name: string;
  readonly problem: string;
  /** Of the record, as far as there is any. */
  readonly #text: string;
  readonly #launcher: Launcher;

  constructor(id: string, files: VmFiles, error: unknown, launcher: Launcher) {
    this.id = id;
    this.files = files;
    this.problem = error instanceof Error ? error.message : String(error);
    this.#text = readText(files.configPath);
    this.name = this.#said("name") || id.slice(0, 12);
    this.#launcher = launcher;
  }

  /** Its monitor runs. */
  get running(): boolean {
    return this.#launcher.isLocked(this.files.lockPath);
  }

  /** Whether the record has this text in quotes: then it may need what is called so. */
  mentions(text: string): boolean {
    return this.#text.includes(JSON.stringify(text));
  }

  /** What one is told who asks for more than its removal. */
  get error(): MockerError {
    return new MockerError("STATE_CORRUPT", `container ${this.name} is dead: ${this.problem}`, {
      hint: `Remove it with: mocker rm -f ${this.name}`,
    });
  }

  summary(): VmSummary {
    const createdAt = this.#said("createdAt");
    return {
      id: this.id,
      name: this.name,
      image: this.#said("image"),
      imageId: this.#said("imageId"),
      command: [],
      createdAt: Number.isNaN(Date.parse(createdAt)) ? new Date(0).toISOString() : createdAt,
      state: "dead",
      status: "Dead",
      runtime: this.#said("runtime") === "simulation" ? "simulation" : "krun",
      reason: this.problem,
      labels: {},
      mounts: [],
      networks: [],
      ports: [],
    };
  }

  /** Ends its monitor, if it runs. @throws VM_RUNNING when that cannot be done */
  async end(): Promise<void> {
    if (!this.running) return;
    const recorded = await this.files.readRuntime().catch(() => undefined);
    const monitor = recorded ?? this.#launcher.holderOf(this.files.lockPath);
    if (monitor) this.#launcher.kill(monitor);
    const deadline = Date.now() + endTimeoutMs;
    while (this.running) {
      if (!monitor || Date.now() > deadline) {
        throw new MockerError(
          "VM_RUNNING",
          `container ${this.name} is dead, and its monitor cannot be ended`,
          {
            hint: `End the process that has ${this.files.lockPath} open.`,
          },
        );
      }
      await sleep(10);
    }
  }

  #said(member: string): string {
    return rescuedMember(this.#text, member);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
