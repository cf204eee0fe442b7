import type { Socket } from "node:net";
import { Attachment } from "./machine/attachment.ts";
import type { Machine } from "./machine/machine.ts";

export interface MainStreamRequest {
  /** Last bytes of output sent first. */
  replayBytes: number;
  /** Stdin frames go to the main process. */
  stdin: boolean;
  /** Docker's StdinOnce: the main process's input ends with the client that gave it first. */
  stdinOnce: boolean;
}

/** Clients' streams of one VM's main process. Those that come before the next start wait for it. */
export class MainStreams {
  readonly #waiting = new Map<Attachment, MainStreamRequest>();
  /** With whom the input ends. */
  #giver: Attachment | undefined;

  /**
   * `machine`: the one that runs; without one the stream waits, and loses nothing of the next start's output.
   */
  async open(request: MainStreamRequest, machine: Machine | undefined): Promise<Attachment> {
    const attachment = this.#attachment(request);
    if (machine) {
      await connect(attachment, request, machine);
    } else {
      this.#waiting.set(attachment, request);
      attachment.closed.then(() => this.#waiting.delete(attachment));
    }
    return attachment;
  }

  /** In Docker a second client's end of input is the first one's, too: here it is not. */
  #attachment({ stdin, stdinOnce }: MainStreamRequest): Attachment {
    if (!stdin || !stdinOnce || this.#giver) return new Attachment("endless");
    const giver = new Attachment("ends-with-client");
    this.#giver = giver;
    giver.closed.then(() => {
      this.#giver = undefined;
    });
    return giver;
  }

  /** Connects those that wait. */
  async connectTo(machine: Machine): Promise<void> {
    for (const [attachment, request] of this.#waiting) {
      this.#waiting.delete(attachment);
      await connect(attachment, request, machine);
    }
  }

  /** Lets those go that wait. */
  close(): void {
    for (const attachment of this.#waiting.keys()) attachment.close();
  }
}

async function connect(attachment: Attachment, request: MainStreamRequest, machine: Machine): Promise<void> {
  let monitor: Socket;
  try {
    monitor = await machine.attach(request.replayBytes, request.stdin);
  } catch (error) {
    attachment.close();
    throw error;
  }
  attachment.connect(monitor);
}
