import * as vscode from "vscode";
import { isDapMessage } from "./dap-message.ts";
import type { DebugHost, DebugSession } from "./debug-session.ts";

/**
 * A debug session of ours as an adapter inside the extension's process; it ends with js-debug's, its child.
 */
export class InlineAdapter implements vscode.DebugAdapter {
  readonly #sent = new vscode.EventEmitter<vscode.DebugProtocolMessage>();
  readonly #session: DebugSession;
  readonly #subscription: vscode.Disposable;

  readonly onDidSendMessage = this.#sent.event;

  constructor(parent: vscode.DebugSession, open: (send: DebugHost["send"]) => DebugSession) {
    this.#session = open((message) => this.#sent.fire(message));
    this.#subscription = vscode.debug.onDidTerminateDebugSession((session) => {
      if (session.parentSession?.id === parent.id) this.#session.peerEnded();
    });
  }

  handleMessage(message: vscode.DebugProtocolMessage): void {
    if (isDapMessage(message)) this.#session.handle(message);
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#session.close().then(() => this.#sent.dispose());
  }
}
