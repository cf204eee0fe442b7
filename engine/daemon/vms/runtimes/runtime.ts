import type { RuntimeName } from "../../../protocol/engine.ts";
import type { ErrorCode } from "../../../protocol/errors.ts";
import type { UnpackProgress } from "../../../protocol/vm.ts";
import type { GuestMount, GuestRootfs } from "../machine/agent-protocol.ts";
import type { LaunchSpec } from "../machine/launch-spec.ts";
import type { VmConfig, VmFiles } from "../records/vm-record.ts";
import type { HostMount } from "./guest-mounts.ts";

export type Availability =
  | { usable: true }
  | { usable: false; code: ErrorCode; reason: string; hint: string };

/** What is to be booted, and what it needs of the host. */
export interface BootRequest extends Pick<VmConfig, "imageId" | "cpus" | "memoryMiB" | "network"> {
  /** See VmConfig. */
  hostIds?: boolean;
  /** Of a microVM: it runs even where the host lets its process have no root of its own. */
  weakJail?: boolean;
  /** Of what a microVM may write outside of volumes. */
  storageSizeBytes?: number | undefined;
  mounts: readonly HostMount[];
  /** Is told how far the image is unpacked, where it has to be. */
  onUnpack?: ((progress: UnpackProgress) => void) | undefined;
}

/** How a VM is to be launched and what its agent is to mount. */
export interface PreparedVm {
  launch: Pick<LaunchSpec, "krun" | "simulation">;
  rootfs: GuestRootfs;
  mounts: GuestMount[];
}

/** What boots a VM's agent. Everything above it is the same for all runtimes. */
export interface Runtime {
  readonly name: RuntimeName;
  /** Tested afresh at every call: devices and libraries come and go. */
  availability(): Availability;
  /** Why nobody may get this runtime without asking for it by name; undefined where one may. */
  unaskedProblem(): Promise<string | undefined>;
  /** Why VMs can have no network card here; undefined where they can. */
  cardsProblem(): string | undefined;
  /** Makes what a start needs on disk. May be called for a VM that has run before: it keeps its files. */
  prepare(request: BootRequest, files: VmFiles): Promise<PreparedVm>;
  /**
   * The same for a helper machine beside a VM that does not run: it sees the VM's files as they are now and
   * writes into `scratch` alone.
   */
  prepareCopy(request: BootRequest, files: VmFiles, scratch: VmFiles): Promise<PreparedVm>;
  /**
   * The same for a helper machine that is to change the VM's files; what is the machine's own goes to
   * `scratch`. The VM must not start meanwhile.
   */
  prepareChange(request: BootRequest, files: VmFiles, scratch: VmFiles): Promise<PreparedVm>;
}
