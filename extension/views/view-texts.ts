import type * as vscode from "vscode";

interface Texts {
  /** Beside the view's title. */
  description: string;
  /** Over its rows. */
  message: string;
}

/** What a view says of itself. */
export class ViewTexts implements vscode.Disposable {
  readonly #subscriptions: vscode.Disposable[];

  /** `texts` is asked now and after each of `events`. */
  constructor(view: vscode.TreeView<unknown>, texts: () => Texts, events: readonly vscode.Event<void>[]) {
    const update = () => {
      const { description, message } = texts();
      if ((view.description ?? "") !== description) view.description = description;
      // Without a message, an empty view has its welcome.
      if ((view.message ?? "") !== message) view.message = message;
    };
    this.#subscriptions = events.map((event) => event(update));
    update();
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }
}
