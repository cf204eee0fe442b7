import type * as vscode from "vscode";
import type { RunConfiguration, RunVolume } from "../run-configurations/run-configuration.ts";

/** What the wizard gathers. Values of secrets stay here until they go to the VM or to the secret storage. */
export interface Draft {
  /** Whose settings count, and what paths are named from. */
  folder: vscode.WorkspaceFolder | undefined;
  image: string;
  vmName: string;
  command: string[] | undefined;
  /** Absent: what the settings say. */
  network: string | undefined;
  /** As `-p` takes them. */
  ports: string[];
  /** The image whose exposed ports are among them, or were. */
  portsFor: string | undefined;
  volumes: RunVolume[];
  env: Map<string, string>;
  envFiles: string[];
  secrets: Map<string, string>;
  cpus: number | undefined;
  memoryMiB: number | undefined;
}

export function emptyDraft(folder: vscode.WorkspaceFolder | undefined, image = ""): Draft {
  return {
    folder,
    image,
    vmName: "",
    command: undefined,
    network: undefined,
    ports: [],
    portsFor: undefined,
    volumes: [],
    env: new Map(),
    envFiles: [],
    secrets: new Map(),
    cpus: undefined,
    memoryMiB: undefined,
  };
}

/** Members that were not chosen are left out: they stay what image and settings say. */
export function configurationOf(draft: Draft, name: string): RunConfiguration {
  return {
    name,
    image: draft.image,
    ...(draft.vmName ? { vmName: draft.vmName } : {}),
    ...(draft.command ? { command: draft.command } : {}),
    ...(draft.network === undefined ? {} : { network: draft.network }),
    ...(draft.ports.length > 0 ? { ports: draft.ports } : {}),
    ...(draft.volumes.length > 0 ? { volumes: draft.volumes } : {}),
    ...(draft.env.size > 0 ? { env: Object.fromEntries(draft.env) } : {}),
    ...(draft.envFiles.length > 0 ? { envFiles: draft.envFiles } : {}),
    ...(draft.secrets.size > 0 ? { secrets: [...draft.secrets.keys()] } : {}),
    ...(draft.cpus === undefined ? {} : { cpus: draft.cpus }),
    ...(draft.memoryMiB === undefined ? {} : { memoryMiB: draft.memoryMiB }),
  };
}
