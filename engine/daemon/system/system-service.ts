import { cpus, release, totalmem } from "node:os";
import { diskBytes } from "../../common/disk-bytes.ts";
import { dataDir, dockerSocketPath, socketPath } from "../../common/paths.ts";
import { type DoctorReport, type EngineInfo, protocolVersion } from "../../protocol/engine.ts";
import { MockerError } from "../../protocol/errors.ts";
import type {
  StoreProblem,
  SystemCheckParams,
  SystemCheckResult,
  SystemUsage,
} from "../../protocol/system.ts";
import type { CheckOptions, ImageStore } from "../images/image-store.ts";
import type { Cgroups } from "../vms/machine/cgroups/cgroups.ts";
import { findKrunLibrary } from "../vms/runtimes/krun/krun-library.ts";
import type { Runtimes } from "../vms/runtimes/runtimes.ts";
import type { VmManager } from "../vms/vm-manager.ts";
import type { VolumeService } from "../volumes/volume-service.ts";
import { runDoctor } from "./doctor.ts";

/** What says itself what of it is not as it should be. */
interface Checked {
  check(): StoreProblem[];
}

interface SystemParts {
  /** Mocker's own. */
  version: string;
  /** How registries are reached. */
  registries: () => NonNullable<EngineInfo["registries"]>;
  images: ImageStore;
  vms: VmManager;
  volumes: VolumeService;
  networks: Checked;
  runtimes: Runtimes;
  cgroups: Cgroups;
}

/** What concerns images and VMs alike, and the machine that they are on. */
export class SystemService {
  readonly #version: string;
  readonly #registries: () => NonNullable<EngineInfo["registries"]>;
  readonly #images: ImageStore;
  readonly #vms: VmManager;
  readonly #volumes: VolumeService;
  readonly #networks: Checked;
  readonly #runtimes: Runtimes;
  readonly #cgroups: Cgroups;
  readonly #startedMs = Date.now();

  constructor({ version, registries, images, vms, volumes, networks, runtimes, cgroups }: SystemParts) {
    this.#version = version;
    this.#registries = registries;
    this.#images = images;
    this.#vms = vms;
    this.#volumes = volumes;
    this.#networks = networks;
    this.#runtimes = runtimes;
    this.#cgroups = cgroups;
  }

  info(): EngineInfo {
    const library = findKrunLibrary();
    const choice = this.#runtimes.automatic();
    const found = library instanceof MockerError ? undefined : library;
    return {
      version: this.#version,
      protocolVersion,
      enginePid: process.pid,
      runtime: choice.runtime.name,
      ...(choice.simulationReason === undefined ? {} : { simulationReason: choice.simulationReason }),
      libkrunVersion: found?.version ?? null,
      libkrunPath: found?.path ?? null,
      guestKernelVersion: found?.kernelVersion ?? null,
      dataDir: dataDir(),
      socketPath: socketPath(),
      dockerSocket: dockerSocketPath(),
      vms: this.#vms.counts(),
      images: this.#images.count(),
      registries: this.#registries(),
      nodeVersion: process.version,
      hostKernelVersion: release(),
      architecture: process.arch,
      cpus: cpus().length,
      memoryMiB: Math.round(totalmem() / 1024 / 1024),
      uptimeSeconds: Math.round((Date.now() - this.#startedMs) / 1000),
      engineRssMiB: Math.round(process.memoryUsage.rss() / 1024 / 1024),
    };
  }

  /** Whether microVMs can run here, and what to do about it. */
  async doctor(): Promise<DoctorReport> {
    return await runDoctor(await this.#vms.list({}), await this.#cgroups.place());
  }

  /** What images, VMs and volumes take of the disk. */
  async usage(): Promise<SystemUsage> {
    const all = await this.#vms.list({ all: true });
    const usages = [];
    for (const vm of all) usages.push({ vm, diskBytes: await diskBytes(this.#vms.dirOf(vm.id)) });
    const volumes = [];
    for (const volume of this.#volumes.list()) {
      volumes.push({ volume, diskBytes: await this.#volumes.diskBytesOf(volume.name) });
    }
    return { images: await this.#images.usage(), vms: usages, volumes };
  }

  /** Proves the image store, and that every VM has its image in it. */
  async check(
    { deep = false, repair = false }: Pick<SystemCheckParams, "deep" | "repair">,
    options: Pick<CheckOptions, "signal" | "onSubject">,
  ): Promise<SystemCheckResult> {
    const all = await this.#vms.list({ all: true });
    const running = new Set(
      all.filter(({ state }) => state === "running" || state === "paused").map(({ imageId }) => imageId),
    );
    const result = await this.#images.check({ ...options, deep, repair, running });
    const present = new Set((await this.#images.list()).map(({ id }) => id));
    result.problems.push(
      ...(await this.#vms.check(repair)),
      ...(await this.#volumes.check()),
      ...this.#networks.check(),
    );
    for (const { name, image, imageId, state } of all) {
      result.checked.vms++;
      if (present.has(imageId) || state === "dead") continue;
      result.problems.push({
        severity: "error",
        subject: `VM ${name}`,
        problem: `needs the image ${imageId}, which is not in the store`,
        hint: `Bring the image back (it was called ${image}), or remove the VM: mocker rm ${name}`,
        repaired: false,
      });
    }
    return result;
  }
}
