/** Names of Linux' capabilities (capability.h), as `--cap-add` and `--cap-drop` take them. */
import { MockerError } from "../../protocol/errors.ts";

/** By number. */
export const capabilities = [
  "CHOWN",
  "DAC_OVERRIDE",
  "DAC_READ_SEARCH",
  "FOWNER",
  "FSETID",
  "KILL",
  "SETGID",
  "SETUID",
  "SETPCAP",
  "LINUX_IMMUTABLE",
  "NET_BIND_SERVICE",
  "NET_BROADCAST",
  "NET_ADMIN",
  "NET_RAW",
  "IPC_LOCK",
  "IPC_OWNER",
  "SYS_MODULE",
  "SYS_RAWIO",
  "SYS_CHROOT",
  "SYS_PTRACE",
  "SYS_PACCT",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_NICE",
  "SYS_RESOURCE",
  "SYS_TIME",
  "SYS_TTY_CONFIG",
  "MKNOD",
  "LEASE",
  "AUDIT_WRITE",
  "AUDIT_CONTROL",
  "SETFCAP",
  "MAC_OVERRIDE",
  "MAC_ADMIN",
  "SYSLOG",
  "WAKE_ALARM",
  "BLOCK_SUSPEND",
  "AUDIT_READ",
  "PERFMON",
  "BPF",
  "CHECKPOINT_RESTORE",
] as const;

/** `CAP_NET_ADMIN` for `net_admin`; `ALL` stays. @throws INVALID_ARGUMENT in Docker's words */
export function capabilityName(text: string, option: "CapAdd" | "CapDrop"): string {
  const upper = text.toUpperCase();
  if (upper === "ALL") return upper;
  const name = upper.replace(/^CAP_/, "");
  if (!(capabilities as readonly string[]).includes(name))
    throw new MockerError("INVALID_ARGUMENT", `invalid ${option}: unknown capability: "CAP_${name}"`);
  return `CAP_${name}`;
}

/** Numbers of the capabilities that a workload loses: a VM's root has all where nothing is dropped. */
export function droppedCapabilities(add: readonly string[], drop: readonly string[]): number[] {
  const added = add.map((text) => capabilityName(text, "CapAdd"));
  const dropped = drop.map((text) => capabilityName(text, "CapDrop"));
  return capabilities.flatMap((name, number) => {
    const isDropped = dropped.includes("ALL")
      ? !added.includes("ALL") && !added.includes(`CAP_${name}`)
      : dropped.includes(`CAP_${name}`);
    return isDropped ? [number] : [];
  });
}
