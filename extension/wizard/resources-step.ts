import { cpus as availableCpus } from "node:os";
import * as vscode from "vscode";
import { defaultCpus, defaultMemoryMiB } from "../../engine/docker/run-options/default-resources.ts";
import { runDefaults } from "../workspace.ts";
import type { Draft } from "./draft.ts";
import { askText, type PickItem, pickStep, type Step, type StepPlace } from "./quick-input.ts";

const { l10n } = vscode;

const presets: readonly (readonly [cpus: number, memoryMiB: number])[] = [
  [1, 512],
  [2, 2048],
  [4, 4096],
];

/** Those of the settings, and for what they leave open the engine's. */
export function defaultResources({ folder }: Draft): { cpus: number; memoryMiB: number } {
  const { cpus, memoryMiB } = runDefaults(folder);
  return {
    cpus: cpus || defaultCpus(availableCpus().length),
    memoryMiB: memoryMiB || defaultMemoryMiB,
  };
}

/** `2 CPUs · 1024 MiB`. */
export function resourcesText(cpus: number, memoryMiB: number): string {
  return `${cpuCount(cpus)} · ${l10n.t("{0} MiB", memoryMiB)}`;
}

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
        const { cpus, memoryMiB } = defaultResources(draft);
        return [
          {
            label: l10n.t("Default"),
            description: resourcesText(cpus, memoryMiB),
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
              : { description: resourcesText(draft.cpus, draft.memoryMiB ?? 0) }),
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
