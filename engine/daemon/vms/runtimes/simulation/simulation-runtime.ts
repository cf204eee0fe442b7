import { accessSync, constants, existsSync } from "node:fs";
import { chmod, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory } from "../../../../common/make-directory.ts";
import { MockerError } from "../../../../protocol/errors.ts";
import type { VmFiles } from "../../records/vm-record.ts";
import { guestMounts, type HostDisk, sharesOf } from "../guest-mounts.ts";
import type { Availability, BootRequest, PreparedVm, Runtime } from "../runtime.ts";

const tapDevice = "/dev/net/tun";

/** Why no tap can be made here, which is a simulated VM's network card; undefined where one can. */
export function tapProblem(): string | undefined {
  try {
    accessSync(tapDevice, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return isMissing ? `there is no ${tapDevice}` : `${tapDevice} may not be opened by this user`;
  }
}

interface RootDirectories {
  rootDirectory(imageId: string, onUnpack?: BootRequest["onUnpack"]): Promise<string>;
}

/**
 * The runtime for machines where no VM can boot: the same agent as the init of Linux namespaces. Not
 * isolation.
 */
export class SimulationRuntime implements Runtime {
  readonly name = "simulation";
  readonly #images: RootDirectories;
  readonly #ownIdsProblem: () => Promise<string | undefined>;
  #hasOwnIds = false;

  /**
   * @param ownIdsProblem why the users of a workload of root's can have no ids of their own on the host,
   *   found out by trying
   */
  constructor(images: RootDirectories, ownIdsProblem: () => Promise<string | undefined>) {
    this.#images = images;
    this.#ownIdsProblem = ownIdsProblem;
  }

  availability(): Availability {
    return { usable: true };
  }

  async unaskedProblem(): Promise<string | undefined> {
    if (this.#hasOwnIds || process.getuid?.() !== 0) return undefined;
    const problem = await this.#ownIdsProblem();
    this.#hasOwnIds = problem === undefined;
    return problem;
  }

  cardsProblem(): string | undefined {
    return tapProblem();
  }

  async prepareCopy(request: BootRequest, files: VmFiles, scratch: VmFiles): Promise<PreparedVm> {
    const prepared = await this.prepare(request, scratch);
    const middle = files.upperDir;
    const { launch, rootfs } = prepared;
    if (rootfs.kind !== "overlay" || !launch.simulation || !existsSync(middle)) return prepared;
    return {
      ...prepared,
      launch: { simulation: { ...launch.simulation, paths: [...launch.simulation.paths, middle] } },
      rootfs: { ...rootfs, middle },
    };
  }

  async prepareChange(request: BootRequest, files: VmFiles): Promise<PreparedVm> {
    const prepared = await this.prepare(request, files);
    const { simulation } = prepared.launch;
    if (!simulation) return prepared;
    // The machine's own directory is another one, and an overlay's two must be of one mount.
    return {
      ...prepared,
      launch: { simulation: { ...simulation, paths: [...simulation.paths, files.dir] } },
    };
  }

  async prepare(request: BootRequest, files: VmFiles): Promise<PreparedVm> {
    const mounts = guestMounts(request.mounts, ({ source }) => ({ kind: "bind", source }), refuseDisk);
    const lower = await this.#images.rootDirectory(request.imageId, request.onUnpack);
    const upper = files.upperDir;
    const work = join(files.dir, "work");
    makeDirectory(upper, 0o755);
    makeDirectory(work, 0o755);
    // The root directory that the workload sees has the attributes of the upper one.
    await chmod(upper, (await stat(lower)).mode & 0o7777);
    return {
      launch: {
        simulation: {
          network: request.network.mode === "tsi" ? "host" : "none",
          hostIds: request.hostIds ?? false,
          cpus: request.cpus,
          memoryMiB: request.memoryMiB,
          paths: [lower, upper, work, ...sharesOf(request.mounts).map(({ source }) => source)],
        },
      },
      rootfs: { kind: "overlay", lower, upper, work },
      mounts,
    };
  }
}

/**
 * Only root could mount it, and a disk that a guest has written is nothing for the host's kernel to parse.
 */
function refuseDisk({ volume }: HostDisk): never {
  throw new MockerError(
    "FEATURE_UNAVAILABLE",
    `block volumes need a microVM: the simulation cannot mount ${volume}`,
    {
      hint: "A volume without options is a directory, which the simulation can mount.",
    },
  );
}
