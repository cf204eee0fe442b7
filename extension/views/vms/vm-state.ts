/** States of VMs in a word and a shape, for those who see no colours and those who see no shapes. */
import type { Health, VmSummary } from "../../../engine/protocol/index.ts";
import type { Ending } from "../../engine/stops.ts";
import { l10n } from "../../l10n.ts";
import { formatTime } from "../format.ts";

export interface VmLook {
  word: string;
  /** A codicon. */
  icon: string;
  /** A colour that themes have, of a contrast of 3:1 at least (WCAG 2.2, 1.4.11) in those of VS Code. */
  color: string;
}

const muted = "descriptionForeground";

export function vmLook(vm: VmSummary, ending: Ending | undefined): VmLook {
  const word = vmWord(vm, ending);
  if (ending === "stopping") return { word, icon: "loading~spin", color: muted };
  switch (vm.state) {
    case "running":
      return vm.healthStatus === "unhealthy"
        ? { word, icon: "warning", color: "errorForeground" }
        : { word, icon: "vm-running", color: "debugIcon.startForeground" };
    case "paused":
      return { word, icon: "debug-pause", color: "debugIcon.pauseForeground" };
    case "restarting":
      return { word, icon: "sync", color: "debugIcon.pauseForeground" };
    case "created":
      return { word, icon: "circle-outline", color: muted };
    case "exited":
      return ending === "stopped" || (vm.exitCode ?? 0) === 0
        ? { word, icon: "vm", color: muted }
        : { word, icon: "error", color: "errorForeground" };
    case "failed":
    case "dead":
      return { word, icon: "error", color: "errorForeground" };
  }
}

function vmWord(vm: VmSummary, ending: Ending | undefined): string {
  if (ending !== undefined) return ending === "stopping" ? l10n.t("stopping…") : l10n.t("stopped");
  switch (vm.state) {
    case "running":
      return vm.healthStatus === undefined
        ? l10n.t("running")
        : l10n.t("running ({0})", healthWord(vm.healthStatus));
    case "paused":
      return l10n.t("paused");
    case "restarting":
      return l10n.t("restarting ({0})", vm.exitCode ?? 0);
    case "created":
      return l10n.t("created");
    case "exited":
      return l10n.t("exited ({0})", vm.exitCode ?? 0);
    case "failed":
      return l10n.t("failed");
    case "dead":
      return l10n.t("dead");
  }
}

/** What a health check found, as `mocker ps` says it. */
export function healthWord(status: Health["status"]): string {
  switch (status) {
    case "starting":
      return l10n.t("health: starting");
    case "healthy":
      return l10n.t("healthy");
    case "unhealthy":
      return l10n.t("unhealthy");
  }
}

/** `running since Jan 9, 2026, 11:59 PM`, which stays true while the VM does. */
export function vmStatus(vm: VmSummary, ending: Ending | undefined, language: string): string {
  const word = vmWord(vm, ending);
  const time = formatTime(timeOf(vm), language);
  if (time === "") return word;
  return vm.state === "running" ? l10n.t("{0} since {1}", word, time) : l10n.t("{0}, {1}", word, time);
}

/** When the state began. */
function timeOf(vm: VmSummary): string | undefined {
  switch (vm.state) {
    case "running":
      return vm.startedAt;
    case "created":
      return vm.createdAt;
    case "restarting":
    case "exited":
    case "failed":
      return vm.finishedAt;
    case "paused":
    case "dead":
      return undefined;
  }
}
