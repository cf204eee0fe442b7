import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { FileTask } from "../../../../../engine/daemon/vms/machine/file-task.ts";
import { FrameDecoder, FrameType, frameHeader } from "../../../../../engine/protocol/stream.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

export interface TaskAnswer {
  out?: string;
  err?: string;
  /** Absent: 0; undefined: it neither ends nor says anything more. */
  code?: number | undefined;
  /** It answers before its input has ended. */
  early?: boolean;
}

/** A machine whose agent answers file tasks as it is told. */
export class FakeFileAgent {
  /** What came to the last task that took input. */
  input = "";
  readonly #path: string;
  readonly #answers: Readonly<Record<string, TaskAnswer>>;
  readonly #waiting: FileTask[] = [];
  #open: Socket | undefined;

  private constructor(path: string, answers: Readonly<Record<string, TaskAnswer>>) {
    this.#path = path;
    this.#answers = answers;
  }

  /** @param answers by the words of the task, with spaces between them */
  static async start(answers: Readonly<Record<string, TaskAnswer>>): Promise<FakeFileAgent> {
    const agent = new FakeFileAgent(join(tmpDir(), "agent.sock"), answers);
    const server: Server = createServer({ allowHalfOpen: true }, (socket) => agent.#serve(socket));
    server.listen(agent.#path);
    await once(server, "listening");
    server.unref();
    return agent;
  }

  async fileTask(task: FileTask): Promise<Socket> {
    this.#waiting.push(task);
    const socket = connect({ path: this.#path, allowHalfOpen: true });
    await once(socket, "connect");
    return socket;
  }

  /** Resolves when the last task's stream has ended. */
  async closed(): Promise<void> {
    if (this.#open && !this.#open.destroyed) await once(this.#open, "close");
  }

  #serve(socket: Socket): void {
    const task = this.#waiting.shift() ?? ["changes"];
    const answer = this.#answers[task.join(" ")] ?? { err: "not known", code: 1 };
    this.#open = socket;
    this.input = "";
    socket.on("error", () => undefined);
    socket.on("end", () => socket.destroy());
    const decoder = new FrameDecoder((type, payload) => {
      if (type !== FrameType.stdin) return;
      this.input += Buffer.from(payload).toString();
      if (payload.length === 0) this.#answer(socket, answer);
    });
    socket.on("data", (chunk) => {
      if (answer.early !== true) decoder.push(chunk);
    });
    if (task[0] !== "extract" || answer.early === true) this.#answer(socket, answer);
  }

  #answer(socket: Socket, answer: TaskAnswer): void {
    const send = (type: FrameType, text: string): void => {
      const payload = Buffer.from(text);
      socket.write(frameHeader(type, payload.length));
      socket.write(payload);
    };
    if (answer.out) send(FrameType.stdout, answer.out);
    if (answer.err) send(FrameType.stderr, answer.err);
    if (!("code" in answer) || answer.code !== undefined) {
      send(FrameType.json, JSON.stringify({ exit: { code: answer.code ?? 0 } }));
      socket.end();
    } else if (answer.out) socket.end();
  }
}
