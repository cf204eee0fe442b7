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
  /** A session that starts again has the children of before for a while, too. */
  readonly #children = new Set<string>();

  readonly onDidSendMessage = this.#sent.event;

  constructor(parent: vscode.DebugSession, open: (send: DebugHost["send"]) => DebugSession) {
    this.#session = open((message) => this.#sent.fire(message));
    this.#subscription = vscode.Disposable.from(
      vscode.debug.onDidStartDebugSession((session) => {
        if (session.parentSession?.id === parent.id) this.#children.add(session.id);
      }),
      vscode.debug.onDidTerminateDebugSession((session) => {
        if (this.#children.has(session.id)) this.#session.peerEnded();
      }),
    );
  }

  handleMessage(message: vscode.DebugProtocolMessage): void {
    if (isDapMessage(message)) this.#session.handle(message);
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#session.close().then(() => this.#sent.dispose());
  }
}
