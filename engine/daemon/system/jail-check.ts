import { join } from "node:path";
import type { JailProbe } from "../../../native/index.ts";
import type { DoctorCheck } from "../../protocol/engine.ts";

/** Ships beside mocker-vmm. */
const profileName = "mocker-vmm.apparmor";

/**
 * Whether a microVM's process can be locked up here, as a trial showed.
 * @param nativeDir the directory of the native parts
 */
export function jailCheck({ layers, problem }: JailProbe, nativeDir: string): DoctorCheck {
  const names = (on: boolean): string =>
    layers
      .filter((layer) => layer.on === on)
      .map(({ name, detail }) => (detail === undefined ? name : `${name} (${detail})`))
      .join(", ");
  if (problem !== undefined) {
    return {
      name: "jail",
      status: "failed",
      detail: `the host does not let a microVM's process have a root of its own: ${problem}`,
      hint: `${remedy(problem, nativeDir)} Or run a VM with less between a hostile guest and your files: --security-opt jail=weak`,
    };
  }
  const absent = names(false);
  if (absent === "") return { name: "jail", status: "ok", detail: `a VM's process has ${names(true)}` };
  return {
    name: "jail",
    status: "warning",
    detail: `a VM's process has ${names(true)}; not ${absent}`,
    hint: "VMs run, contained by what there is. A newer kernel, or a container with fewer restrictions, has the rest.",
  };
}

function remedy(problem: string, nativeDir: string): string {
  if (problem.includes("apparmor_restrict_unprivileged_userns")) {
    const profile = join(nativeDir, profileName);
    return `As root, install Mocker's AppArmor profile: install -m 644 '${profile}' /etc/apparmor.d/mocker-vmm && apparmor_parser -r /etc/apparmor.d/mocker-vmm`;
  }
  if (problem.includes("unprivileged_userns_clone"))
    return "As root: sysctl -w kernel.unprivileged_userns_clone=1";
  if (problem.includes("max_user_namespaces")) return "As root: sysctl -w user.max_user_namespaces=15000";
  return "Allow user and mount namespaces where Mocker runs.";
}

/** Whether the users of a simulated workload of root's are others than the host's. */
export function simulatedRoot({ ownIdsProblem }: JailProbe): DoctorCheck {
  const name = "simulated root";
  if (ownIdsProblem === undefined) {
    return { name, status: "ok", detail: "a simulated workload's users have ids of their own on the host" };
  }
  return {
    name,
    status: "warning",
    detail: `a simulated workload's root would be the host's: ${ownIdsProblem}`,
    hint: "Run Mocker as an ordinary user, or keep its data on a file system that can map owners (ext4, XFS, Btrfs).",
  };
}
