/**
 * A process's stream between the engine and this terminal: output to stdout and stderr, stdin to the process.
 */
import type { Socket } from "node:net";
import { type StreamEnd as ProcessEnd, ProcessStream } from "../../client/process-stream.ts";
import { DetachFilter } from "../../docker/detach-keys.ts";
import { MockerError } from "../../protocol/index.ts";
import type { InputStream, OutputStream } from "../io.ts";

export type StreamEnd =
  | Exclude<ProcessEnd, { kind: "error" }>
  /** The user typed the detach keys. */
  | { kind: "detached" }
  /** Nobody reads our output any more (EPIPE). */
  | { kind: "output-closed" }
  /** The user's terminal is gone. */
  | { kind: "hung-up" };

export interface StreamOptions {
  /** Left out: output is read and dropped. */
  stdout?: OutputStream | undefined;
  stderr?: OutputStream | undefined;
  stdin?: InputStream | undefined;
  /** Bytes that detach; only looked for when stdin is given. */
  detachKeys?: readonly number[] | undefined;
  /** stdin is a terminal in raw mode: it has no end before the terminal's own. */
  isTerminal?: boolean;
}

/**
 * Carries bytes both ways until the stream ends. A slow reader of our output stops the engine's sending, a
 * slow process stops our reading of stdin. Throws MockerError for an error frame or a broken stream.
 */
export function pumpStream(socket: Socket, options: StreamOptions): Promise<StreamEnd> {
  return new Promise<StreamEnd>((resolve, reject) => {
    const output = new Output(options, () => stream.resume());
    const stream = new ProcessStream(socket, {
      onOutput: (bytes, isStderr) => output.write(bytes, isStderr),
      onChunkEnd() {
        if (output.flush()) stream.pause();
      },
    });
    const input = options.stdin && new Input(options.stdin, stream, options.detachKeys ?? []);
    let settled = false;
    const settle = (finish: () => void): void => {
      if (settled) return;
      settled = true;
      output.close();
      input?.close();
      // What was typed before the detach keys is still to be sent.
      stream.close();
      finish();
    };
    output.onError((error, isTerminal) => {
      if (error.code === "EPIPE") settle(() => resolve({ kind: "output-closed" }));
      // What a terminal without its other end answers.
      else if (error.code === "EIO" && isTerminal) settle(() => resolve({ kind: "hung-up" }));
      else {
        const message = `cannot write the output: ${error.message}`;
        settle(() => reject(new MockerError("INTERNAL", message, { cause: error })));
      }
    });
    void stream.ended.then((end) => settle(() => (end.kind === "error" ? reject(end.error) : resolve(end))));
    input?.start({
      onDetach: () => settle(() => resolve({ kind: "detached" })),
      onEnd() {
        if (options.isTerminal === true) settle(() => resolve({ kind: "hung-up" }));
      },
    });
  });
}

/** Our stdout and stderr. */
class Output {
  readonly #stdout: OutputStream | undefined;
  readonly #stderr: OutputStream | undefined;
  readonly #resume: () => void;
  readonly #clogged = new Set<OutputStream>();
  readonly #corked = new Set<OutputStream>();
  readonly #cleanups: (() => void)[] = [];

  /** `resume` is called when all that was clogged takes bytes again. */
  constructor({ stdout, stderr }: StreamOptions, resume: () => void) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#resume = resume;
  }

  onError(callback: (error: NodeJS.ErrnoException, isTerminal: boolean) => void): void {
    for (const output of new Set([this.#stdout, this.#stderr])) {
      if (output === undefined) continue;
      const onDrain = (): void => {
        this.#clogged.delete(output);
        if (this.#clogged.size === 0) this.#resume();
      };
      const onError = (error: NodeJS.ErrnoException): void => callback(error, output.isTTY === true);
      output.on("error", onError);
      output.on("drain", onDrain);
      this.#cleanups.push(() => {
        output.off("error", onError);
        output.off("drain", onDrain);
      });
    }
  }

  write(bytes: Uint8Array, isStderr: boolean): void {
    const output = isStderr ? this.#stderr : this.#stdout;
    if (output === undefined) return;
    // One writev for all the frames of a chunk.
    if (!this.#corked.has(output)) {
      this.#corked.add(output);
      output.cork();
    }
    if (!output.write(bytes)) this.#clogged.add(output);
  }

  /** Writes what was corked. @returns whether there is now more to write than the reader takes */
  flush(): boolean {
    for (const output of this.#corked) {
      output.uncork();
      // A write that went through at once leaves nothing to drain.
      if (output.writableNeedDrain === false) this.#clogged.delete(output);
    }
    this.#corked.clear();
    return this.#clogged.size > 0;
  }

  close(): void {
    for (const cleanup of this.#cleanups) cleanup();
  }
}

interface InputListener {
  onDetach(): void;
  /** The end has been sent. */
  onEnd(): void;
}

/** Our stdin. */
class Input {
  readonly #stdin: InputStream;
  readonly #stream: ProcessStream;
  readonly #filter: DetachFilter;
  #listener: InputListener | undefined;
  #closed = false;

  constructor(stdin: InputStream, stream: ProcessStream, detachKeys: readonly number[]) {
    this.#stdin = stdin;
    this.#stream = stream;
    this.#filter = new DetachFilter(detachKeys);
  }

  start(listener: InputListener): void {
    this.#listener = listener;
    const stdin = this.#stdin;
    stdin.on("data", this.#onData);
    stdin.once("end", this.#onEnd);
    stdin.once("error", this.#onEnd);
    if (stdin.readableEnded) this.#onEnd();
    else stdin.resume();
  }

  close(): void {
    this.#closed = true;
    const stdin = this.#stdin;
    stdin.off("data", this.#onData);
    stdin.off("end", this.#onEnd);
    stdin.off("error", this.#onEnd);
    stdin.pause();
  }

  #onData = (chunk: Buffer | string): void => {
    const { bytes, detached } = this.#filter.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    this.#send(bytes);
    if (detached) this.#listener?.onDetach();
  };

  #onEnd = (): void => {
    this.#send(this.#filter.flush());
    this.#stream.endInput();
    this.#listener?.onEnd();
  };

  #send(bytes: Uint8Array): void {
    if (this.#stream.write(bytes)) return;
    this.#stdin.pause();
    this.#stream.onceDrained(() => {
      if (!this.#closed) this.#stdin.resume();
    });
  }
}
