import type { DoctorCheck } from "../../protocol/engine.ts";
import type { CgroupPlace } from "../vms/machine/cgroups/cgroup-place.ts";

/** Whether the processes of VMs have limits on what they use of the host. */
export function cgroupCheck(place: CgroupPlace): DoctorCheck {
  const name = "limits";
  if (!("problem" in place)) {
    return {
      name,
      status: "ok",
      detail: `a cgroup limits what a VM's processes use: ${place.controllers.join(", ")}`,
    };
  }
  return {
    name,
    status: "warning",
    detail: `nothing limits what a VM's processes use of the host's memory, processes and CPUs: ${place.problem}`,
    hint: "Use cgroup v2 (unified hierarchy), and run the engine in a cgroup of its own that is delegated to you, as systemd does with: systemd-run --user --scope -p Delegate=yes mocker info",
  };
}
