import * as vscode from "vscode";
import { parsePort, parsePublish } from "../../engine/docker/ports.ts";
import { imageInspect } from "../../engine/protocol/index.ts";
import {
  clashOf,
  isAllAddresses,
  isOpenToOthers,
  loopback,
  publishLabel,
  publishProblem,
  suggestHostPort,
  withHostAddress,
} from "../run-configurations/published-port.ts";
import type { Draft } from "./draft.ts";
import { isFreePort } from "./free-port.ts";
import { chosenNetwork } from "./network-step.ts";
import {
  askText,
  chooseAction,
  type PickItem,
  pickStep,
  type Step,
  type StepPlace,
  separator,
} from "./quick-input.ts";
import type { WizardServices } from "./wizard-services.ts";

const { l10n } = vscode;

/** What the image exposes is published for this machine alone, unless one says otherwise. */
export function portsStep(draft: Draft, services: WizardServices): Step {
  const { connection, model } = services;
  return async (place) => {
    if (!canPublish(draft, services)) return await nothingToPublish(draft, place);
    const image = await connection.request(imageInspect, { image: draft.image }).catch(() => undefined);
    const exposed = (image?.config.exposedPorts ?? []).flatMap((text) => parsePort(text) ?? []);
    const suggest = async ({ guestPort, protocol }: (typeof exposed)[number]): Promise<string> => {
      const taken = new Set([
        ...[...model.snapshot.vms.values()].flatMap(({ ports }) => ports.map(({ host }) => host?.port)),
        ...draft.ports.flatMap(parsePublish).map(({ hostPort }) => hostPort),
      ]);
      const port = await suggestHostPort(
        guestPort,
        async (one) => taken.has(one) || (protocol === "tcp" && !(await isFreePort(one, loopback))),
      );
      return `${loopback}:${port}:${guestPort}${protocol === "tcp" ? "" : `/${protocol}`}`;
    };
    if (draft.portsFor !== draft.image) {
      draft.portsFor = draft.image;
      draft.ports = [];
      for (const port of exposed) draft.ports.push(await suggest(port));
    }
    return await pickStep(place, {
      placeholder: l10n.t("Publish ports of the VM on this machine"),
      matchOnDescription: true,
      items: () => {
        const published = draft.ports.map((text) => portItem(draft, text, place));
        const covered = draft.ports.flatMap(parsePublish);
        const others = exposed.filter(
          ({ guestPort, protocol }) =>
            !covered.some((one) => one.guestPort === guestPort && one.protocol === protocol),
        );
        return [
          {
            label: draft.ports.length === 0 ? l10n.t("Continue without ports") : l10n.t("Continue"),
            iconPath: new vscode.ThemeIcon("arrow-right"),
            run: () => "next",
          },
          ...(published.length > 0 ? [separator(l10n.t("Ports")), ...published] : []),
          separator(l10n.t("Add")),
          {
            label: l10n.t("Port…"),
            description: l10n.t("for this machine only, unless you say so; Docker opens ports to others"),
            iconPath: new vscode.ThemeIcon("add"),
            run: () => askPort(draft, place),
          },
          ...others.map(
            (port): PickItem => ({
              label: `${port.guestPort}/${port.protocol}`,
              description: l10n.t("exposed by the image"),
              iconPath: new vscode.ThemeIcon("package"),
              run: async () => {
                draft.ports.push(await suggest(port));
                return undefined;
              },
            }),
          ),
        ] satisfies PickItem[];
      },
    });
  };
}

function canPublish(draft: Draft, { model }: WizardServices): boolean {
  const name = chosenNetwork(draft);
  const network = [...model.snapshot.networks.values()].find((one) => one.name === name);
  return name !== "none" && name !== "tsi" && network?.internal !== true;
}

function nothingToPublish(draft: Draft, place: StepPlace): ReturnType<Step> {
  draft.ports = [];
  draft.portsFor = undefined;
  const text = l10n.t("The network {0} publishes no ports", chosenNetwork(draft));
  return pickStep(place, {
    placeholder: text,
    items: () => [
      {
        label: l10n.t("Continue without ports"),
        description: text,
        iconPath: new vscode.ThemeIcon("arrow-right"),
        run: () => "next",
      },
    ],
  });
}

function addressOf(text: string): string | undefined {
  return parsePublish(text)[0]?.hostAddress;
}

function reach(text: string): string {
  const address = addressOf(text);
  if (!isOpenToOthers(address)) return l10n.t("this machine only ({0})", address ?? "");
  return isAllAddresses(address) ? l10n.t("open to others") : l10n.t("open to others on {0}", address ?? "");
}

function portItem(draft: Draft, text: string, place: StepPlace): PickItem {
  const open = isOpenToOthers(addressOf(text));
  const toggle: vscode.QuickInputButton = {
    iconPath: new vscode.ThemeIcon(open ? "plug" : "broadcast"),
    tooltip: open ? l10n.t("This Machine Only") : l10n.t("Open to Other Machines"),
  };
  const remove: vscode.QuickInputButton = {
    iconPath: new vscode.ThemeIcon("trash"),
    tooltip: l10n.t("Remove"),
  };
  const replace = (...texts: string[]): void => {
    draft.ports.splice(draft.ports.indexOf(text), 1, ...texts);
  };
  const switchReach = (): void => replace(withHostAddress(text, open ? loopback : undefined));
  return {
    label: publishLabel(text),
    description: reach(text),
    iconPath: new vscode.ThemeIcon(open ? "broadcast" : "plug"),
    buttons: [toggle, remove],
    press: (button) => (button === remove ? replace() : switchReach()),
    run: () =>
      chooseAction(place, publishLabel(text), [
        { label: l10n.t("Change…"), icon: "edit", run: () => askPort(draft, place, text) },
        {
          label: open ? l10n.t("This Machine Only") : l10n.t("Open to Other Machines"),
          icon: open ? "plug" : "broadcast",
          run: switchReach,
        },
        { label: l10n.t("Remove"), icon: "trash", run: () => replace() },
      ]),
  };
}

/** Docker's words, but for the address: without one Docker opens a port to other machines. */
async function askPort(draft: Draft, place: StepPlace, old?: string): Promise<undefined> {
  const others = draft.ports.filter((text) => text !== old);
  const answer = await askText(
    { ...place, title: l10n.t("Publish a Port") },
    {
      prompt: l10n.t(
        "[address:][port of this machine:]port of the VM[/udp]. Without an address it is for this machine only; 0.0.0.0 opens it to others",
      ),
      placeholder: l10n.t("such as 8080:80, 53:53/udp, 0.0.0.0:8443:443"),
      value: old ?? "",
      validate: (text) => {
        const problem = publishProblem(text.trim());
        if (problem !== undefined) return problem;
        const port = clashOf([...others, withDefaultAddress(text.trim())]);
        return port === undefined ? undefined : l10n.t("Port {0} of this machine is published already", port);
      },
    },
  );
  if (typeof answer !== "object") return;
  const text = withDefaultAddress(answer.text.trim());
  if (old === undefined) draft.ports.push(text);
  else draft.ports.splice(draft.ports.indexOf(old), 1, text);
}

function withDefaultAddress(text: string): string {
  return withHostAddress(text, addressOf(text) ?? loopback);
}
