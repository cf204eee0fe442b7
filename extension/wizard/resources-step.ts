import * as vscode from "vscode";
import { runDefaults } from "../workspace.ts";
import type { Draft } from "./draft.ts";
import { askText, type PickItem, pickStep, type Step, type StepPlace } from "./quick-input.ts";

const { l10n } = vscode;

const presets: readonly (readonly [cpus: number, memoryMiB: number])[] = [
  [1, 512],
  [2, 2048],
  [4, 4096],
];

export function resourcesStep(draft: Draft): Step {
  return (place) => {
    const isPreset = presets.some(([cpus, memory]) => cpus === draft.cpus && memory === draft.memoryMiB);
    return pickStep(place, {
      placeholder: l10n.t("CPUs and memory"),
      // What was chosen before one came back.
      ...(draft.cpus === undefined ? {} : { active: isPreset ? cpuCount(draft.cpus) : l10n.t("Custom…") }),
      items: () => {
        const choose = (cpus: number | undefined, memoryMiB: number | undefined) => () => {
          draft.cpus = cpus;
          draft.memoryMiB = memoryMiB;
          return "next" as const;
        };
        const { cpus, memoryMiB } = runDefaults();
        return [
          {
            label: l10n.t("Default"),
            description:
              [cpus > 0 ? cpuCount(cpus) : "", memoryMiB > 0 ? l10n.t("{0} MiB", memoryMiB) : ""]
                .filter((part) => part !== "")
                .join(" · ") || l10n.t("as the engine has it"),
            iconPath: new vscode.ThemeIcon("settings-gear"),
            run: choose(undefined, undefined),
          },
          ...presets.map(
            ([count, memory]): PickItem => ({
              label: cpuCount(count),
              description: l10n.t("{0} MiB", memory),
              iconPath: new vscode.ThemeIcon("chip"),
              run: choose(count, memory),
            }),
          ),
          {
            label: l10n.t("Custom…"),
            ...(draft.cpus === undefined || isPreset
              ? {}
              : { description: `${cpuCount(draft.cpus)} · ${l10n.t("{0} MiB", draft.memoryMiB ?? 0)}` }),
            iconPath: new vscode.ThemeIcon("edit"),
            run: async () => {
              const count = await askNumber(place, l10n.t("CPUs"), draft.cpus ?? 1, 1);
              if (count === undefined) return undefined;
              const memory = await askNumber(place, l10n.t("Memory in MiB"), draft.memoryMiB ?? 512, 64);
              return memory === undefined ? undefined : choose(count, memory)();
            },
          },
        ] satisfies PickItem[];
      },
    });
  };
}

function cpuCount(count: number): string {
  return count === 1 ? l10n.t("1 CPU") : l10n.t("{0} CPUs", count);
}

async function askNumber(
  place: StepPlace,
  prompt: string,
  value: number,
  minimum: number,
): Promise<number | undefined> {
  const answer = await askText(place, {
    prompt,
    value: String(value),
    validate: (text) =>
      /^\d+$/.test(text.trim()) && Number(text) >= minimum
        ? undefined
        : l10n.t("A whole number, at least {0}", minimum),
  });
  return typeof answer === "object" ? Number(answer.text) : undefined;
}
