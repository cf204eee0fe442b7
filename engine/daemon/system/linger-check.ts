import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DoctorCheck } from "../../protocol/engine.ts";

export interface Session {
  uid: number;
  userName: string;
  /** Where the sockets are. */
  runDir: string;
  /** `/`, where systemd keeps its state below. */
  root: string;
}

/**
 * What becomes of the sockets of VMs when their user has logged out: systemd-logind then removes the user's
 * runtime directory, unless the user lingers (loginctl(1)).
 * @returns undefined where it does not have that directory in its hands
 */
export function lingerCheck({ uid, userName, runDir, root }: Session): DoctorCheck | undefined {
  // sd_booted(3); the other is made by logind.
  const isLogind = ["run/systemd/system", "run/systemd/users"].every((path) => existsSync(join(root, path)));
  if (!isLogind || !`${runDir}/`.startsWith(`/run/user/${uid}/`)) return undefined;
  const name = "log-out";
  if (existsSync(join(root, "var/lib/systemd/linger", userName))) {
    return { name, status: "ok", detail: "VMs run on and stay within reach after your last log-out" };
  }
  return {
    name,
    status: "warning",
    detail: `at your last log-out systemd removes /run/user/${uid} with the sockets of the engine and of VMs: VMs run on (unless logind.conf has KillUserProcesses=yes), out of reach until you log in again`,
    hint: `To keep them within reach, and to have what mocker system service installs start at boot: loginctl enable-linger ${userName}`,
  };
}
