/** Why Docker's `update` can change nothing of these limits. */
export const unchangeable = {
  cpus: "a VM has whole CPUs: give it more or fewer with --cpus",
  disks: "VMs' disks have no weights",
  memory: "a VM has memory of its own: give it more or less with --memory",
  placement: "a VM's CPUs are not bound to some of the host's",
  processes: "a VM's memory alone limits its processes",
} as const;
