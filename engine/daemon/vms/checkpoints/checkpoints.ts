import { diskBytes } from "../../../common/disk-bytes.ts";
import type {
  CheckpointCreateResult,
  CheckpointParams,
  CheckpointProgress,
  CheckpointSummary,
} from "../../../protocol/checkpoint.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { UnpackProgress, VmStartParams } from "../../../protocol/vm.ts";
import type { StateDir } from "../records/state-dir.ts";
import type { Vm } from "../vm.ts";
import type { VmManager } from "../vm-manager.ts";
import { CheckpointDir } from "./checkpoint-dir.ts";
import { type CopyTree, sharesBlocks } from "./copy-files.ts";

const progressMs = 200;

/** Docker's checkpoints, of what a VM has on its disk: its memory and its volumes are in none. */
export class Checkpoints {
  readonly #vms: Pick<VmManager, "find" | "publish" | "start">;
  readonly #state: Pick<StateDir, "erase">;
  readonly #copyTree: CopyTree;

  constructor(
    vms: Pick<VmManager, "find" | "publish" | "start">,
    state: Pick<StateDir, "erase">,
    copyTree: CopyTree,
  ) {
    this.#vms = vms;
    this.#state = state;
    this.#copyTree = copyTree;
  }

  /**
   * Keeps the files and the configuration of a VM that does not run.
   * @throws VM_NOT_FOUND, VM_RUNNING, NO_SPACE, INVALID_ARGUMENT in Docker's words; the reason of `signal`
   */
  async create(
    { vm: wanted, checkpoint }: CheckpointParams,
    { signal, onProgress }: { signal: AbortSignal; onProgress: (progress: CheckpointProgress) => void },
  ): Promise<CheckpointCreateResult> {
    const vm = this.#vms.find(wanted);
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,199}$/.test(checkpoint)) {
      throw new MockerError(
        "INVALID_ARGUMENT",
        `Invalid checkpoint ID (${checkpoint}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
      );
    }
    const dir = this.#dirOf(vm);
    return await vm.turn(async () => {
      refuseRunning(vm, "checkpoint");
      if (dir.has(checkpoint)) {
        throw new MockerError(
          "INVALID_ARGUMENT",
          `checkpoint with name ${checkpoint} already exists for container ${vm.config.name}`,
        );
      }
      const startedMs = Date.now();
      let timer: NodeJS.Timeout | undefined;
      const onStaged = (path: string): void => {
        timer = setInterval(async () => onProgress({ copiedBytes: await diskBytes(path) }), progressMs);
      };
      try {
        await dir.create(checkpoint, vm.config, { copyTree: this.#copyTree, signal, onStaged });
      } finally {
        clearInterval(timer);
      }
      const path = dir.ownFiles();
      const copiedBytes = path === undefined || sharesBlocks(vm.files.dir) ? 0 : await diskBytes(path);
      this.#vms.publish(vm.id, "checkpoint");
      return { copiedBytes, durationMs: Date.now() - startedMs };
    });
  }

  /** In the order of names. @throws VM_NOT_FOUND */
  async list({ vm }: { vm: string }): Promise<CheckpointSummary[]> {
    const checkpoints = await this.#dirOf(this.#vms.find(vm)).list();
    return checkpoints.map(({ name, createdAt }) => ({ name, createdAt: createdAt.toISOString() }));
  }

  /** @throws VM_NOT_FOUND; INVALID_ARGUMENT in Docker's words */
  async remove({ vm: wanted, checkpoint }: CheckpointParams): Promise<void> {
    const vm = this.#vms.find(wanted);
    const dir = this.#dirOf(vm);
    await vm.turn(async () => {
      requireCheckpoint(dir, vm, checkpoint);
      await dir.remove(checkpoint);
    });
  }

  /**
   * Starts a VM with the files and the configuration of a checkpoint, which takes the place of those it has;
   * as {@link VmManager.start} without one.
   * @throws VM_RUNNING, NO_SPACE, INVALID_ARGUMENT in Docker's words for the checkpoint
   */
  async start(
    { checkpoint, ...params }: VmStartParams,
    onUnpack?: (progress: UnpackProgress) => void,
  ): Promise<{ id: string }> {
    if (checkpoint !== undefined) {
      const vm = this.#vms.find(params.vm);
      const dir = this.#dirOf(vm);
      await vm.turn(async () => {
        requireCheckpoint(dir, vm, checkpoint);
        refuseRunning(vm, "restore a checkpoint of");
        vm.restored(await dir.restore(checkpoint, vm.config, this.#copyTree));
      });
    }
    return await this.#vms.start(params, onUnpack);
  }

  #dirOf(vm: Vm): CheckpointDir {
    return new CheckpointDir(vm.files, (path) => this.#state.erase(path));
  }
}

/** In the VM's turn: nothing starts it meanwhile. */
function refuseRunning(vm: Vm, what: string): void {
  if (vm.ended === undefined) return;
  const { name } = vm.config;
  throw new MockerError(
    "VM_RUNNING",
    `cannot ${what} container ${name}: it is running, and a checkpoint has no memory, only files and configuration`,
    { hint: `Stop it first: mocker stop ${name}` },
  );
}

function requireCheckpoint(dir: CheckpointDir, vm: Vm, checkpoint: string): void {
  // Else a path.
  if (/^[\w.-]+$/.test(checkpoint) && !checkpoint.startsWith(".") && dir.has(checkpoint)) return;
  throw new MockerError(
    "INVALID_ARGUMENT",
    `checkpoint ${checkpoint} does not exist for container ${vm.config.name}`,
    { hint: `See: mocker checkpoint ls ${vm.config.name}` },
  );
}
