import * as vscode from "vscode";

/** What the workspace keeps. */
export interface ViewMemory {
  get(key: string): unknown;
  update(key: string, value: unknown): Thenable<void>;
}

/** How a view is arranged, remembered per workspace. */
export class ViewState<T> implements vscode.Disposable {
  readonly #memory: ViewMemory;
  readonly #key: string;
  readonly #changed = new vscode.EventEmitter<void>();
  #value: T;

  readonly onDidChange = this.#changed.event;

  /** `is` tells whether what was remembered, perhaps by another version, is still of use. */
  constructor(memory: ViewMemory, key: string, is: (value: unknown) => value is T, initial: T) {
    this.#memory = memory;
    this.#key = key;
    const remembered = memory.get(key);
    this.#value = is(remembered) ? remembered : initial;
  }

  get value(): T {
    return this.#value;
  }

  async set(value: T): Promise<void> {
    this.#value = value;
    this.#changed.fire();
    await this.#memory.update(this.#key, value);
  }

  dispose(): void {
    this.#changed.dispose();
  }
}
