import { statfsSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import * as native from "../../../native/index.ts";
import { dataDir, runDir } from "../../common/paths.ts";
import { portsColumn } from "../../docker/ports.ts";
import type { DoctorCheck, DoctorReport } from "../../protocol/engine.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { VmSummary } from "../../protocol/vm.ts";
import type { CgroupPlace } from "../vms/machine/cgroups/cgroup-place.ts";
import { findKrunLibrary } from "../vms/runtimes/krun/krun-library.ts";
import { tapProblem } from "../vms/runtimes/simulation/simulation-runtime.ts";
import { missingSubordinateIds } from "../vms/runtimes/subordinate-ids.ts";
import { cgroupCheck } from "./cgroup-check.ts";
import { jailCheck, simulatedRoot } from "./jail-check.ts";
import { lingerCheck } from "./linger-check.ts";

const lowSpaceMiB = 2048;
/** What VMs of ours ask of libkrun; other features that it can be built with are nobody's loss. */
const usedFeatures = ["disks", "blk", "vmdk", "shares", "read-only-shares", "network-none", "network-cards"];

/**
 * Tests each thing that a microVM needs here, and says what to do about what is missing.
 * @param vms those that run
 * @param cgroups where those of VMs are made
 */
export async function runDoctor(
  vms: readonly Pick<VmSummary, "name" | "ports">[],
  cgroups: CgroupPlace,
): Promise<DoctorReport> {
  const checks = [
    kvm(),
    libkrun(),
    tsiUploads(),
    guestKernel(),
    ...(await jail()),
    cgroupCheck(cgroups),
    subordinateIds(),
    diskSpace(),
    simulatedCards(),
    logOut(),
    openPorts(vms),
  ].filter((check) => check !== undefined);
  const broken = checks.find((check) => check.status === "failed");
  return {
    checks,
    summary: broken
      ? `MicroVMs cannot run here: ${broken.name} failed. Mocker simulates with Linux namespaces, which do not isolate.`
      : "MicroVMs can run here. Try: mocker run hello",
  };
}

function kvm(): DoctorCheck {
  const status = native.kvmStatus();
  if (status.usable) return { name: "KVM", status: "ok", detail: "/dev/kvm is usable" };
  return {
    name: "KVM",
    status: "failed",
    detail: status.reason ?? "/dev/kvm cannot be used",
    ...(status.hint ? { hint: status.hint } : {}),
  };
}

function libkrun(): DoctorCheck {
  const found = findKrunLibrary();
  if (found instanceof MockerError) {
    return {
      name: "libkrun",
      status: "failed",
      detail: found.message,
      ...(found.hint === undefined ? {} : { hint: found.hint }),
    };
  }
  const missing = usedFeatures.filter((feature) => feature in found.missing);
  const detail = `${found.path}, version ${found.version}, at most ${found.maxVcpus} CPUs`;
  if (missing.length === 0) return { name: "libkrun", status: "ok", detail };
  return { name: "libkrun", status: "warning", detail, hint: `Not in this library: ${missing.join(", ")}.` };
}

/**
 * containers/libkrun#772: with older libraries and guest kernels from 6.12.68 a guest's upload stops after
 * 256 KiB.
 */
function tsiUploads(): DoctorCheck | undefined {
  const found = findKrunLibrary();
  if (found instanceof MockerError || !olderThan(found.version, [1, 18, 1])) return undefined;
  return {
    name: "guest uploads",
    status: "warning",
    detail: `libkrun ${found.version} stops a guest's network upload after 256 KiB`,
    hint: "Use libkrun 1.18.1 or later (Mocker's own is newer).",
  };
}

function guestKernel(): DoctorCheck | undefined {
  const found = findKrunLibrary();
  if (found instanceof MockerError) return undefined;
  return {
    name: "guest kernel",
    status: "ok",
    detail: `Linux ${found.kernelVersion ?? "(version unknown)"} from ${found.kernelPath}`,
  };
}

async function jail(): Promise<(DoctorCheck | undefined)[]> {
  try {
    const probe = await native.probeJail(dataDir());
    const simulated = process.getuid?.() === 0 && !native.kvmStatus().usable;
    return [jailCheck(probe, native.nativeDir()), simulated ? simulatedRoot(probe) : undefined];
  } catch (error) {
    const detail = `it could not be tried: ${error instanceof Error ? error.message : error}`;
    return [{ name: "jail", status: "failed", detail, hint: "Install the package for this platform again." }];
  }
}

/** Without them a program that runs as another user than root cannot own files on a volume. */
function subordinateIds(): DoctorCheck | undefined {
  if (process.getuid?.() === 0) return undefined;
  const missing = missingSubordinateIds();
  if (missing === undefined) {
    return { name: "volume owners", status: "ok", detail: "a guest's users own their files on volumes" };
  }
  return {
    name: "volume owners",
    status: "warning",
    detail: `volumes belong to one user only, so that most databases cannot use them: ${missing}`,
    hint: "As root: install newuidmap (package uidmap), then: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 YOU",
  };
}

/** Of no interest where VMs can run. */
function simulatedCards(): DoctorCheck | undefined {
  const problem = tapProblem();
  if (problem === undefined || native.kvmStatus().usable) return undefined;
  return {
    name: "networks",
    status: "warning",
    detail: `the simulation can give no network card: ${problem}`,
    hint: "As root: modprobe tun && chmod 0666 /dev/net/tun; in a container, give it that device.",
  };
}

function logOut(): DoctorCheck | undefined {
  try {
    const { uid, username } = userInfo();
    return lingerCheck({ uid, userName: username, runDir: runDir(), root: "/" });
  } catch {
    // A user without an entry in passwd, whom no systemd has logged in.
    return undefined;
  }
}

function diskSpace(): DoctorCheck {
  const path = dataDir();
  let stats: ReturnType<typeof statfsSync>;
  try {
    stats = statfsSync(path);
  } catch {
    stats = statfsSync(dirname(path));
  }
  const freeMiB = Math.floor((Number(stats.bavail) * Number(stats.bsize)) / 1024 / 1024);
  const detail = `${freeMiB} MiB free for ${path}`;
  if (freeMiB >= lowSpaceMiB) return { name: "disk space", status: "ok", detail };
  return {
    name: "disk space",
    status: "warning",
    detail,
    hint: "Free some space, or set MOCKER_DATA_DIR to a larger disk.",
  };
}

/** What other machines reach. */
export function openPorts(vms: readonly Pick<VmSummary, "name" | "ports">[]): DoctorCheck {
  const isLocal = (address: string): boolean => address.startsWith("127.") || address === "::1";
  const open = vms.flatMap(({ name, ports }) => {
    const reached = ports.filter(({ host }) => host && !isLocal(host.address));
    return reached.length === 0 ? [] : [`${name} (${portsColumn(reached)})`];
  });
  if (open.length === 0)
    return { name: "open ports", status: "ok", detail: "no VM is reached from other machines" };
  return {
    name: "open ports",
    status: "warning",
    detail: `other machines reach ${open.join("; ")}`,
    hint: 'Publish at 127.0.0.1 what is for this machine alone: -p 127.0.0.1:8080:80, or "ip": "127.0.0.1" in engine.json.',
  };
}

function olderThan(version: string, than: number[]): boolean {
  const parts = version
    .replace(/[^\d.]/g, "")
    .split(".")
    .map(Number);
  for (const [index, bound] of than.entries()) {
    const part = parts[index] ?? 0;
    if (part !== bound) return part < bound;
  }
  return false;
}
