import * as vscode from "vscode";
import { formatSubnet, parseSubnet } from "../../engine/docker/ipv4.ts";
import { isPredefinedNetwork } from "../../engine/docker/network-options.ts";
import { networkCreate } from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import { showError } from "../engine/errors.ts";
import type { Model } from "../engine/model.ts";
import { askText, type PickItem, pickStep, runSteps, type Step, separator } from "../wizard/quick-input.ts";

const { l10n } = vscode;

interface NetworkServices {
  connection: Connection;
  model: Model;
  log: vscode.LogOutputChannel;
}

interface NetworkDraft {
  name: string;
  subnet: string | undefined;
  internal: boolean;
}

/** Asks for a network and creates it. Returns its name, or undefined if the user went away. */
export async function createNetwork(services: NetworkServices): Promise<string | undefined> {
  const draft: NetworkDraft = { name: "", subnet: undefined, internal: false };
  const title = () => l10n.t("Create Network");
  const finished = await runSteps(title, [
    { name: l10n.t("Name"), run: nameStep(draft, services.model) },
    { name: l10n.t("Settings"), run: settingsStep(draft, services) },
  ]);
  return finished ? draft.name : undefined;
}

function nameStep(draft: NetworkDraft, model: Model): Step {
  return async (place) => {
    const { networks } = await model.whenLoaded();
    const answer = await askText(place, {
      prompt: l10n.t("Name of the network"),
      placeholder: l10n.t("such as backend"),
      value: draft.name,
      validate: (text) => {
        if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text)) {
          return l10n.t("Letters, digits, dots, dashes or underscores");
        }
        const taken = [...networks.values()].some(({ name }) => name === text) || isPredefinedNetwork(text);
        return taken ? l10n.t("There is a network named {0}", text) : undefined;
      },
    });
    if (typeof answer !== "object") return answer ?? "cancel";
    draft.name = answer.text;
    return "next";
  };
}

function settingsStep(draft: NetworkDraft, { connection, log }: NetworkServices): Step {
  return (place) =>
    pickStep(place, {
      placeholder: l10n.t("Create the network {0}", draft.name),
      active: l10n.t("Create"),
      items: () =>
        [
          {
            label: l10n.t("Create"),
            description: draft.name,
            iconPath: new vscode.ThemeIcon("check"),
            run: async () => {
              const { name, subnet, internal } = draft;
              try {
                await connection.request(networkCreate, {
                  name,
                  ...(subnet === undefined ? {} : { subnet }),
                  internal,
                });
                return "next";
              } catch (error) {
                // What was chosen stays, to be corrected.
                showError(error, log);
                return undefined;
              }
            },
          },
          separator(l10n.t("Change")),
          {
            label: l10n.t("Subnet…"),
            description: draft.subnet ?? l10n.t("the next that is free"),
            iconPath: new vscode.ThemeIcon("symbol-numeric"),
            run: async () => {
              const answer = await askText(place, {
                prompt: l10n.t("Subnet; empty for the next that is free"),
                placeholder: "172.28.0.0/16",
                value: draft.subnet ?? "",
                validate: subnetProblem,
              });
              if (typeof answer === "object") draft.subnet = answer.text === "" ? undefined : answer.text;
              return undefined;
            },
          },
          {
            label: draft.internal ? l10n.t("Internal: yes") : l10n.t("Internal: no"),
            description: draft.internal
              ? l10n.t("no way out, and no published ports")
              : l10n.t("VMs reach the internet, and ports can be published"),
            iconPath: new vscode.ThemeIcon(draft.internal ? "lock" : "globe"),
            run: () => {
              draft.internal = !draft.internal;
              return undefined;
            },
          },
        ] satisfies PickItem[],
    });
}

/** The engine knows which are taken; here only what is no subnet. */
function subnetProblem(text: string): string | undefined {
  if (text === "") return undefined;
  const subnet = parseSubnet(text);
  if (subnet === undefined) return l10n.t("An address and a number of bits, such as 172.28.0.0/16");
  const canonical = formatSubnet(subnet);
  return canonical === text ? undefined : l10n.t("The subnet of this address is {0}", canonical);
}
