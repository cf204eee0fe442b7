/** Multi-step quick input: each step says where it is, and goes on, back or away. */
import * as vscode from "vscode";

export interface StepPlace {
  title: string;
  step: number;
  totalSteps: number;
}

/** `goTo`: the name of a step to change something in; from there it goes on where one came from. */
export type StepEnd = "next" | "back" | "cancel" | { goTo: string };
export type Step = (place: StepPlace) => Promise<StepEnd>;

export interface NamedStep {
  /** Shown in the title. */
  name: string;
  run: Step;
}

/**
 * Runs steps in order, each as often as the user comes to it. `title` is asked at each. False if the user
 * went away.
 */
export async function runSteps(title: () => string, steps: readonly NamedStep[]): Promise<boolean> {
  let cameFrom: number | undefined;
  for (let index = 0; index < steps.length; ) {
    const step = steps[index];
    if (step === undefined) break;
    const place = { title: `${title()} · ${step.name}`, step: index + 1, totalSteps: steps.length };
    const end = await step.run(place);
    if (end === "cancel") return false;
    if (typeof end === "object") {
      const target = steps.findIndex(({ name }) => name === end.goTo);
      if (target < 0) continue;
      cameFrom = index;
      index = target;
      continue;
    }
    index = cameFrom ?? (end === "back" ? Math.max(0, index - 1) : index + 1);
    cameFrom = undefined;
  }
  return true;
}

export interface PickItem extends vscode.QuickPickItem {
  /** Chosen. Resolves to how the step ends, or to undefined to go on with it. */
  run?(): Promise<StepEnd | undefined> | StepEnd | undefined;
  /** One of `buttons` was pressed; the list is made anew after. */
  press?(button: vscode.QuickInputButton): Promise<void> | void;
}

export interface PickStepOptions {
  placeholder: string;
  /** The list, made anew whenever something changed. `value` is what is typed. */
  items(value: string): readonly PickItem[] | Promise<readonly PickItem[]>;
  /** Make the list anew as the user types. */
  dynamic?: boolean;
  matchOnDescription?: boolean;
  /** The item with this label is the active one first. */
  active?: string;
}

/** A step that is one list; an item may open further inputs and come back to it. */
export async function pickStep(place: StepPlace | undefined, options: PickStepOptions): Promise<StepEnd> {
  let typed = "";
  for (;;) {
    const end = await showPick(place, options, typed);
    if (typeof end === "string") return end;
    // It is what the list was made of, and may need a letter changed. Of other lists it is a filter.
    if (options.dynamic) typed = end.typed;
    const result = await end.item.run?.();
    if (result !== undefined) return result;
  }
}

function showPick(
  place: StepPlace | undefined,
  options: PickStepOptions,
  typed: string,
): Promise<"back" | "cancel" | { item: PickItem; typed: string }> {
  const input = vscode.window.createQuickPick<PickItem>();
  locate(input, place);
  input.placeholder = options.placeholder;
  input.value = typed;
  input.ignoreFocusOut = true;
  input.matchOnDescription = options.matchOnDescription ?? false;
  let generation = 0;
  const refresh = async (): Promise<void> => {
    const mine = ++generation;
    const items = await options.items(input.value);
    if (mine !== generation) return;
    input.items = items;
    const first = items.find((item) => item.label === options.active);
    if (first !== undefined) input.activeItems = [first];
    input.busy = false;
  };
  return new Promise((resolve) => {
    input.onDidTriggerButton((button) => {
      if (button !== vscode.QuickInputButtons.Back) return;
      resolve("back");
      input.dispose();
    });
    input.onDidTriggerItemButton(async ({ item, button }) => {
      await item.press?.(button);
      await refresh();
    });
    if (options.dynamic) input.onDidChangeValue(refresh);
    input.onDidAccept(() => {
      const [item] = input.selectedItems;
      if (item?.run === undefined) return;
      resolve({ item, typed: input.value });
      input.dispose();
    });
    input.onDidHide(() => {
      resolve("cancel");
      input.dispose();
    });
    input.busy = true;
    refresh().catch(() => undefined);
    input.show();
  });
}

export interface TextOptions {
  prompt: string;
  placeholder?: string;
  value?: string;
  password?: boolean;
  /** What is wrong with the text, if anything. */
  validate?(value: string): string | undefined;
}

/** One line of text, "back", or undefined if the user went away. */
export function askText(
  place: StepPlace | undefined,
  options: TextOptions,
): Promise<{ text: string } | "back" | undefined> {
  const input = vscode.window.createInputBox();
  locate(input, place);
  input.prompt = options.prompt;
  input.placeholder = options.placeholder;
  input.value = options.value ?? "";
  input.password = options.password ?? false;
  input.ignoreFocusOut = true;
  return new Promise((resolve) => {
    const validate = (): boolean => {
      input.validationMessage = options.validate?.(input.value);
      return input.validationMessage === undefined;
    };
    input.onDidTriggerButton(() => {
      resolve("back");
      input.dispose();
    });
    input.onDidChangeValue(validate);
    input.onDidAccept(() => {
      if (!validate()) return;
      resolve({ text: input.value });
      input.dispose();
    });
    input.onDidHide(() => {
      resolve(undefined);
      input.dispose();
    });
    input.show();
  });
}

function locate(input: vscode.QuickPick<PickItem> | vscode.InputBox, place: StepPlace | undefined): void {
  if (place === undefined) return;
  input.title = place.title;
  if (place.totalSteps > 1) {
    input.step = place.step;
    input.totalSteps = place.totalSteps;
  }
  if (place.step > 1) input.buttons = [vscode.QuickInputButtons.Back];
}

export interface ItemAction {
  label: string;
  icon: string;
  run(): Promise<unknown> | unknown;
}

/** What can be done to an item of a step's list, for those who have no mouse for the item's buttons. */
export async function chooseAction(
  place: StepPlace,
  item: string,
  actions: readonly ItemAction[],
): Promise<undefined> {
  await pickStep(
    { ...place, title: item },
    {
      placeholder: vscode.l10n.t("What to do with {0}", item),
      items: () =>
        actions.map(
          ({ label, icon, run }): PickItem => ({
            label,
            iconPath: new vscode.ThemeIcon(icon),
            run: async (): Promise<StepEnd> => {
              await run();
              return "next";
            },
          }),
        ),
    },
  );
}

export function separator(label: string): PickItem {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
