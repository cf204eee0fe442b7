import * as vscode from "vscode";
import type { ConfigurationPlace } from "./run-configurations.ts";

/**
 * Values of secret environment variables, in the editor's secret storage: one per folder, configuration
 * and name. `mocker.json` holds their names only.
 */
export class Secrets {
  readonly #storage: vscode.SecretStorage;

  constructor(storage: vscode.SecretStorage) {
    this.#storage = storage;
  }

  store(configuration: ConfigurationPlace, name: string, value: string): Thenable<void> {
    return this.#storage.store(key(configuration, name), value);
  }

  async copy(from: ConfigurationPlace, to: ConfigurationPlace, names: readonly string[]): Promise<void> {
    for (const name of names) {
      const value = await this.#storage.get(key(from, name));
      if (value !== undefined) await this.store(to, name, value);
    }
  }

  async forget(configuration: ConfigurationPlace, names: readonly string[]): Promise<void> {
    for (const name of names) await this.#storage.delete(key(configuration, name));
  }

  /** The value of each; asks for, and keeps, the ones that are not known. Undefined if the user went away. */
  async resolve(
    configuration: ConfigurationPlace,
    names: readonly string[],
  ): Promise<Record<string, string> | undefined> {
    const values = new Map<string, string>();
    for (const name of names) {
      let value = await this.#storage.get(key(configuration, name));
      if (value === undefined) {
        value = await vscode.window.showInputBox({
          title: vscode.l10n.t("Run {0}", configuration.name),
          prompt: vscode.l10n.t("Value of the secret {0}. The editor's secret storage keeps it", name),
          password: true,
          ignoreFocusOut: true,
        });
        if (value === undefined) return undefined;
        await this.store(configuration, name, value);
      }
      values.set(name, value);
    }
    return Object.fromEntries(values);
  }
}

/**
 * Asks for secrets that the engine has forgotten of a VM that is to start again; nothing keeps the answers
 * but the engine's memory. Throws CancellationError if the user went away.
 */
export async function askSecrets(vmName: string, names: readonly string[]): Promise<Record<string, string>> {
  const values = new Map<string, string>();
  for (const name of names) {
    const value = await vscode.window.showInputBox({
      title: vscode.l10n.t("Start {0}", vmName),
      prompt: vscode.l10n.t("Value of the secret {0}. The engine keeps it in memory only", name),
      password: true,
      ignoreFocusOut: true,
    });
    if (value === undefined) throw new vscode.CancellationError();
    values.set(name, value);
  }
  return Object.fromEntries(values);
}

function key({ name, folder }: ConfigurationPlace, variable: string): string {
  return `mocker.secret:${JSON.stringify([folder.uri.toString(), name, variable])}`;
}
