import * as vscode from "vscode";
import { createNetwork } from "../commands/create-network.ts";
import { setting } from "../settings.ts";
import type { Draft } from "./draft.ts";
import { type PickItem, pickStep, type Step, separator } from "./quick-input.ts";
import type { WizardServices } from "./wizard-services.ts";

const { l10n } = vscode;

/** The network that a VM of this draft gets. */
export function chosenNetwork(draft: Draft): string {
  return draft.network ?? setting("run.network", draft.folder?.uri);
}

export function networkStep(draft: Draft, services: WizardServices): Step {
  const { model } = services;
  return (place) =>
    pickStep(place, {
      placeholder: l10n.t("Network of the VM"),
      active: chosenNetwork(draft),
      matchOnDescription: true,
      items: async () => {
        const { networks } = await model.whenLoaded().catch(() => model.snapshot);
        const standard = setting("run.network", draft.folder?.uri);
        // The default stays what the settings say, for those who share the configuration.
        const choose = (name: string) => () => {
          draft.network = name === standard ? undefined : name;
          return "next" as const;
        };
        const item = (label: string, icon: string, words: string): PickItem => ({
          label,
          description: label === standard ? [words, l10n.t("default")].join(" · ") : words,
          iconPath: new vscode.ThemeIcon(icon),
          run: choose(label),
        });
        const own = [...networks.values()].filter(
          ({ name, problem }) => name !== "bridge" && problem === undefined,
        );
        return [
          item("bridge", "type-hierarchy-sub", l10n.t("the internet; other VMs by address")),
          ...own.map(({ name, subnet, internal }) =>
            item(
              name,
              "type-hierarchy-sub",
              internal
                ? l10n.t("{0} · internal: other VMs by name, no way out", subnet)
                : l10n.t("{0} · the internet; other VMs by name", subnet),
            ),
          ),
          item("none", "circle-slash", l10n.t("not connected")),
          ...(standard === "tsi" ? [item("tsi", "globe", l10n.t("the host's network"))] : []),
          separator(l10n.t("Add")),
          {
            label: l10n.t("Create Network…"),
            iconPath: new vscode.ThemeIcon("add"),
            run: async () => {
              const name = await createNetwork(services);
              return name === undefined ? undefined : choose(name)();
            },
          },
        ] satisfies PickItem[];
      },
    });
}
