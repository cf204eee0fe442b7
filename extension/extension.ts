import { connect } from "node:net";
import * as vscode from "vscode";
import { createMessageConnection, SocketMessageReader, SocketMessageWriter } from "vscode-jsonrpc/node";
import { socketPath } from "../engine/paths.ts";
import { type InitializeResult, initialize, protocolVersion } from "../engine/protocol/engine.ts";

/** Registers the extension's commands. Nothing connects to the engine before it is asked to. */
export function activate(context: vscode.ExtensionContext): void {
  context.subscriptions.push(
    vscode.commands.registerCommand("mocker.showEngineVersion", async () => {
      try {
        const { engine } = await askEngine(String(context.extension.packageJSON.version));
        await vscode.window.showInformationMessage(`Mocker engine ${engine.version}, process ${engine.pid}`);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        await vscode.window.showErrorMessage(
          `The Mocker engine does not answer (${reason}). Start it with any mocker command, e.g. "mocker ps".`,
        );
      }
    }),
  );
}

function askEngine(version: string): Promise<InitializeResult> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath());
    socket.once("error", reject);
    socket.once("connect", () => {
      const connection = createMessageConnection(
        new SocketMessageReader(socket),
        new SocketMessageWriter(socket),
      );
      connection.onClose(() => reject(new Error("it closed the connection")));
      connection.listen();
      connection
        .sendRequest(initialize, { protocolVersion, client: { name: "vscode", version } })
        .then(resolve, reject)
        .finally(() => {
          connection.dispose();
          socket.destroy();
        });
    });
  });
}
