import type { Socket } from "node:net";
import * as vscode from "vscode";
import { asMockerError, describe } from "./errors.ts";
import { LineEditor } from "./line-editor.ts";
import { ProcessStream, type StreamEnd } from "./process-stream.ts";
import { Utf8Stream } from "./utf8-stream.ts";

export interface TerminalSize {
  rows: number;
  columns: number;
}

export interface OpenedProcess {
  socket: Socket;
  /** The process has a terminal: bytes pass untouched. Without one, lines are edited and line ends made here. */
  tty: boolean;
  /** The output begins inside a longer one. */
  replayed: boolean;
  /** Called once output is listened for; may start the process. */
  listening?(): Promise<unknown>;
}

/** A process in a VM as one of the editor's terminals. What it is a terminal of, subclasses say. */
export abstract class ProcessTerminal implements vscode.Pseudoterminal {
  readonly #write = new vscode.EventEmitter<string>();
  readonly #close = new vscode.EventEmitter<number | undefined>();
  readonly onDidWrite = this.#write.event;
  readonly onDidClose = this.#close.event;
  #stream: ProcessStream | undefined;
  #lines: LineEditor | undefined;
  #size: TerminalSize | undefined;
  #closed = false;
  #opening = false;

  /** Asks for the process's stream. Throws MockerError. */
  protected abstract connect(size: TerminalSize | undefined): Promise<OpenedProcess>;
  protected abstract resize(size: TerminalSize): Promise<unknown>;
  protected abstract interrupt(): Promise<unknown>;
  /** The stream is over: the process ended, or the engine is gone. */
  protected abstract ended(end: StreamEnd): void;
  protected abstract failed(error: unknown): void;
  /** A key was pressed while there is no process to take it. */
  protected abstract keyWithoutProcess(): void;

  get connected(): boolean {
    return this.#stream !== undefined;
  }

  get disposed(): boolean {
    return this.#closed;
  }

  open(size: vscode.TerminalDimensions | undefined): void {
    this.#size = size;
    this.reopen().catch(() => undefined);
  }

  /** The terminal was closed: the process goes on. */
  close(): void {
    this.#closed = true;
    this.#stream?.close();
  }

  handleInput(text: string): void {
    if (this.#stream === undefined) {
      if (!this.#opening) this.keyWithoutProcess();
      return;
    }
    if (this.#lines === undefined) {
      this.#stream.write(text);
      return;
    }
    const { send, echo, eof, interrupt } = this.#lines.push(text);
    this.print(echo);
    if (send !== "") this.#stream.write(send);
    if (eof) this.#stream.endInput();
    if (interrupt) this.interrupt().catch((error) => this.note(describe(asMockerError(error))));
  }

  setDimensions(size: vscode.TerminalDimensions): void {
    this.#size = size;
    // The process may have ended meanwhile.
    if (this.#stream !== undefined) this.resize(size).catch(() => undefined);
  }

  protected async reopen(): Promise<void> {
    if (this.#closed || this.#opening || this.#stream !== undefined) return;
    this.#opening = true;
    try {
      const sizeThen = this.#size;
      const { socket, tty, replayed, listening } = await this.connect(sizeThen);
      if (this.#closed) {
        socket.destroy();
        return;
      }
      this.#lines = tty ? undefined : new LineEditor();
      const decoders = [new Utf8Stream(replayed), new Utf8Stream(replayed)] as const;
      const stream = new ProcessStream(socket, (bytes, isStderr) => {
        const text = decoders[isStderr ? 1 : 0].push(bytes);
        this.print(tty ? text : text.replace(/(?<!\r)\n/g, "\r\n"));
      });
      this.#stream = stream;
      stream.ended.then((end) => {
        if (this.#stream !== stream) return;
        this.#stream = undefined;
        if (!this.#closed) this.ended(end);
      });
      await listening?.();
      // Its terminal has the size of ours, also if that changed meanwhile or the process ran before.
      if (tty && this.#size !== undefined) this.resize(this.#size).catch(() => undefined);
    } catch (error) {
      const stream = this.#stream;
      this.#stream = undefined;
      stream?.close();
      if (!this.#closed) this.failed(error);
    } finally {
      this.#opening = false;
    }
  }

  protected print(text: string): void {
    if (text !== "") this.#write.fire(text);
  }

  /** A line of ours among the process's output. */
  protected note(text: string): void {
    this.print(`\x1b[0m\r\n\x1b[2m[${text}]\x1b[0m\r\n`);
  }

  protected fireClose(): void {
    this.#close.fire(undefined);
  }
}
