import * as vscode from "vscode";
import type { DebugServices, MockerDebug } from "./mocker-debug.ts";

const type = "mocker";

/** Registers the debug type `mocker`; its code is loaded when the editor first asks for it. */
export function registerDebug(services: DebugServices): vscode.Disposable {
  let loaded: Promise<MockerDebug> | undefined;
  const load = async (): Promise<MockerDebug> => {
    const { MockerDebug } = await import("./mocker-debug.ts");
    return new MockerDebug(services);
  };
  const debug = (): Promise<MockerDebug> => {
    loaded ??= load();
    return loaded;
  };
  const { Dynamic, Initial } = vscode.DebugConfigurationProviderTriggerKind;
  return vscode.Disposable.from(
    vscode.debug.registerDebugConfigurationProvider(
      type,
      {
        provideDebugConfigurations: async () => (await debug()).provideDebugConfigurations(),
        resolveDebugConfiguration: async (folder, configuration) =>
          (await debug()).resolveDebugConfiguration(folder, configuration),
        resolveDebugConfigurationWithSubstitutedVariables: async (folder, configuration) =>
          (await debug()).resolveDebugConfigurationWithSubstitutedVariables(folder, configuration),
      },
      Initial,
    ),
    vscode.debug.registerDebugConfigurationProvider(
      type,
      { provideDebugConfigurations: async () => (await debug()).openProgram() },
      Dynamic,
    ),
    vscode.debug.registerDebugAdapterDescriptorFactory(type, {
      createDebugAdapterDescriptor: async (session) => (await debug()).createDebugAdapterDescriptor(session),
    }),
    { dispose: () => void loaded?.then((debug) => debug.dispose()) },
  );
}
