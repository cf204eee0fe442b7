import type { Socket } from "node:net";
import * as vscode from "vscode";
import { ProcessStream, type StreamEnd } from "../../engine/client/process-stream.ts";
import { asMockerError, describe } from "../engine/errors.ts";
import { LineEditor } from "./line-editor.ts";
import { PendingInput } from "./pending-input.ts";
import { Utf8Stream } from "./utf8-stream.ts";

export interface TerminalSize {
  rows: number;
  columns: number;
}

export interface OpenedProcess {
  socket: Socket;
  /**
   * The process has a terminal: bytes pass untouched. Without one, lines are edited and line ends made here.
   */
  tty: boolean;
  /** The output begins inside a longer one. */
  replayed: boolean;
  /** It has ended: there is output only. */
  over?: boolean;
  /** Called once output is listened for; may start the process. */
  listening?(): Promise<unknown>;
}

/** A process in a VM as one of the editor's terminals. What it is a terminal of, subclasses say. */
export abstract class ProcessTerminal implements vscode.Pseudoterminal {
  readonly #write = new vscode.EventEmitter<string>();
  readonly #close = new vscode.EventEmitter<number | undefined>();
  readonly onDidWrite = this.#write.event;
  readonly onDidClose = this.#close.event;
  /** What is typed while there is no stream, but one is expected. */
  readonly #pending = new PendingInput();
  #stream: ProcessStream | undefined;
  /** Of a process without a terminal; it outlives the stream, and so does the line in it. */
  #lines: LineEditor | undefined;
  #takesInput = false;
  #size: TerminalSize | undefined;
  #closed = false;
  #opening = false;
  #typedIn = false;

  /** Asks for the process's stream. Throws MockerError. */
  protected abstract connect(size: TerminalSize | undefined): Promise<OpenedProcess>;
  protected abstract resize(size: TerminalSize): Promise<unknown>;
  protected abstract interrupt(): Promise<unknown>;
  /** The stream is over: the process ended, or the engine is gone. */
  protected abstract ended(end: StreamEnd): void;
  protected abstract failed(error: unknown): void;
  /** A key was pressed while there is no process to take it, and none is expected. */
  protected abstract keyWithoutProcess(text: string): void;
  /** Whether a stream that is lost comes back by itself: input is kept for it. */
  protected abstract readonly returns: boolean;

  get connected(): boolean {
    return this.#stream !== undefined;
  }

  /** Whether somebody has typed something; the answers of a terminal to its process begin with an escape. */
  get typedIn(): boolean {
    return this.#typedIn;
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
    this.#typedIn ||= !text.startsWith("\x1b");
    if (this.#stream !== undefined) {
      this.#input(this.#stream, text);
    } else if (!this.#opening && !this.returns) {
      this.keyWithoutProcess(text);
    } else if (this.#pending.push(text) === "overflows") {
      this.note(tooMuch());
    }
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
      const { socket, tty, replayed, over = false, listening } = await this.connect(sizeThen);
      if (this.#closed) {
        socket.destroy();
        return;
      }
      const decoders = [new Utf8Stream(replayed), new Utf8Stream(replayed)] as const;
      const { text: typed, dropped } = this.#pending.take();
      // The replay clears what was on the screen, the note about it as well.
      let note = dropped ? tooMuch() : undefined;
      const stream = new ProcessStream(socket, {
        onOutput: (bytes, isStderr) => {
          const text = decoders[isStderr ? 1 : 0].push(bytes);
          this.print(tty ? text : text.replace(/(?<!\r)\n/g, "\r\n"));
          if (note !== undefined) this.note(note);
          note = undefined;
        },
      });
      this.#stream = stream;
      this.#takesInput = !over;
      if (tty) this.#lines = undefined;
      else this.#lines ??= new LineEditor();
      if (over) this.#noteDropped(typed);
      else if (typed !== "") this.#input(stream, typed);
      stream.ended.then((end) => {
        if (this.#stream !== stream) return;
        this.#stream = undefined;
        // Another run of it begins with another line.
        if (end.kind === "exit") this.#lines = undefined;
        if (!this.#closed) this.ended(end);
      });
      await listening?.();
      // Its terminal has the size of ours, also if that changed meanwhile or the process ran before.
      if (tty && !over && this.#size !== undefined) this.resize(this.#size).catch(() => undefined);
    } catch (error) {
      const stream = this.#stream;
      this.#stream = undefined;
      stream?.close();
      if (this.#closed) return;
      this.failed(error);
      if (!this.returns) this.#noteDropped(this.#pending.take().text);
    } finally {
      this.#opening = false;
    }
  }

  #input(stream: ProcessStream, text: string): void {
    if (!this.#takesInput) return;
    if (this.#lines === undefined) {
      stream.write(Buffer.from(text));
      return;
    }
    const { send, echo, eof, interrupt } = this.#lines.push(text);
    this.print(echo);
    if (send !== "") stream.write(Buffer.from(send));
    if (eof) stream.endInput();
    if (interrupt) this.interrupt().catch((error) => this.note(describe(asMockerError(error))));
  }

  #noteDropped(typed: string): void {
    if (typed !== "") this.note(vscode.l10n.t("What was typed meanwhile was dropped"));
  }

  protected print(text: string): void {
    if (text !== "") this.#write.fire(text);
  }

  /**
   * A line of ours among the process's output: in italics, as dimmed text is hard to read in light themes.
   */
  protected note(text: string): void {
    this.print(`\x1b[0m\r\n\x1b[3m[${text}]\x1b[0m\r\n`);
  }

  /** Closes the terminal; with an exit code of a task's process, which the editor then reports. */
  protected fireClose(exitCode?: number): void {
    this.#close.fire(exitCode);
  }
}

function tooMuch(): string {
  return vscode.l10n.t("That was too much to be kept until the VM can be reached again; it was dropped");
}
