/**
 * A process's stream between the engine and this terminal: output to stdout and stderr, stdin to the process.
 */
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { type StreamEnd as ProcessEnd, ProcessStream } from "../../client/process-stream.ts";
import { MockerError } from "../../protocol/index.ts";
import type { InputStream } from "../io.ts";
import { DetachFilter } from "./detach-keys.ts";

export type StreamEnd =
  | Exclude<ProcessEnd, { kind: "error" }>
  /** The user typed the detach keys. */
  | { kind: "detached" }
  /** Nobody reads our output any more (EPIPE). */
  | { kind: "output-closed" };

export interface StreamOptions {
  /** Left out: output is read and dropped. */
  stdout?: Writable | undefined;
  stderr?: Writable | undefined;
  stdin?: InputStream | undefined;
  /** Bytes that detach; only looked for when stdin is given. */
  detachKeys?: readonly number[] | undefined;
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
    output.onError((error) => {
      if (error.code === "EPIPE") settle(() => resolve({ kind: "output-closed" }));
      else {
        const message = `cannot write the output: ${error.message}`;
        settle(() => reject(new MockerError("INTERNAL", message, { cause: error })));
      }
    });
    void stream.ended.then((end) => settle(() => (end.kind === "error" ? reject(end.error) : resolve(end))));
    input?.start(() => settle(() => resolve({ kind: "detached" })));
  });
}

/** Our stdout and stderr. */
class Output {
  readonly #stdout: Writable | undefined;
  readonly #stderr: Writable | undefined;
  readonly #resume: () => void;
  readonly #clogged = new Set<Writable>();
  readonly #corked = new Set<Writable>();
  readonly #cleanups: (() => void)[] = [];

  /** `resume` is called when all that was clogged takes bytes again. */
  constructor({ stdout, stderr }: StreamOptions, resume: () => void) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#resume = resume;
  }

  onError(callback: (error: NodeJS.ErrnoException) => void): void {
    for (const output of new Set([this.#stdout, this.#stderr])) {
      if (output === undefined) continue;
      const onDrain = (): void => {
        this.#clogged.delete(output);
        if (this.#clogged.size === 0) this.#resume();
      };
      output.on("error", callback);
      output.on("drain", onDrain);
      this.#cleanups.push(() => {
        output.off("error", callback);
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

/** Our stdin. */
class Input {
  readonly #stdin: InputStream;
  readonly #stream: ProcessStream;
  readonly #filter: DetachFilter;
  #onDetach: () => void = () => undefined;
  #closed = false;

  constructor(stdin: InputStream, stream: ProcessStream, detachKeys: readonly number[]) {
    this.#stdin = stdin;
    this.#stream = stream;
    this.#filter = new DetachFilter(detachKeys);
  }

  start(onDetach: () => void): void {
    this.#onDetach = onDetach;
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
    if (detached) this.#onDetach();
  };

  #onEnd = (): void => {
    this.#send(this.#filter.flush());
    this.#stream.endInput();
  };

  #send(bytes: Uint8Array): void {
    if (this.#stream.write(bytes)) return;
    this.#stdin.pause();
    this.#stream.onceDrained(() => {
      if (!this.#closed) this.#stdin.resume();
    });
  }
}
