/** Between the editor and a debug adapter in a VM: messages here, bytes there, paths mapped on the way. */
import { DapDecoder, type DapMessage, type DapRequest, encodeDap } from "./dap-message.ts";
import type { PathMapping } from "./path-mapping.ts";

export interface BridgeEnds {
  /** To the editor. */
  send(message: DapMessage): void;
  /** To the adapter's input. */
  write(bytes: Uint8Array): void;
  /** What the adapter printed that is not the protocol's. */
  text(text: string): void;
  /**
   * The adapter asks for a terminal in which to run words, as `console` wants it; they run in the VM. Absent:
   * adapters are told that there are none.
   */
  runInTerminal?(request: TerminalRequest): Promise<unknown>;
}

/** What an adapter wants to run in a terminal; its paths and words are the VM's. */
export interface TerminalRequest {
  title: string;
  command: string[];
  cwd: string;
  /** `KEY=value`. */
  env: string[];
}

export class DapBridge {
  readonly #ends: BridgeEnds;
  readonly #mapping: PathMapping;
  readonly #decoder: DapDecoder;
  /** Arguments of `launch` and `attach` for this adapter. */
  readonly #startArguments: Record<string, unknown>;

  constructor(ends: BridgeEnds, mapping: PathMapping, startArguments: Record<string, unknown>) {
    this.#ends = ends;
    this.#mapping = mapping;
    this.#startArguments = startArguments;
    this.#decoder = new DapDecoder(
      (message) => this.#fromAdapter(message),
      (text) => ends.text(text),
    );
  }

  /** A message of the editor. */
  fromEditor(message: DapMessage): void {
    this.#ends.write(encodeDap(this.#mapping.messageToRemote(this.#adapted(message))));
  }

  /** Bytes of the adapter's output. Throws RangeError or SyntaxError on what no adapter sends. */
  push(bytes: Uint8Array): void {
    this.#decoder.push(bytes);
  }

  #adapted(message: DapMessage): DapMessage {
    if (message.type !== "request") return message;
    if (message.command === "launch" || message.command === "attach") {
      return { ...message, arguments: { ...membersOf(message.arguments, /^__/), ...this.#startArguments } };
    }
    if (message.command !== "initialize") return message;
    return {
      ...message,
      arguments: {
        ...membersOf(message.arguments, /./),
        // The editor gives its own file system's kind of paths; the guest is Linux.
        pathFormat: "path",
        supportsRunInTerminalRequest: this.#ends.runInTerminal !== undefined,
        supportsStartDebuggingRequest: false,
      },
    };
  }

  #fromAdapter(message: DapMessage): void {
    if (message.type === "request" && message.command === "runInTerminal") {
      this.#runInTerminal(message);
      return;
    }
    if (message.type === "response" && message.command === "initialize") {
      // A session that starts again gets a VM of its own.
      const body = { ...membersOf(message.body, /./), supportsRestartRequest: false };
      this.#ends.send({ ...message, body });
      return;
    }
    this.#ends.send(this.#mapping.messageToLocal(message));
  }

  async #runInTerminal(request: DapRequest): Promise<void> {
    const response = {
      seq: 0,
      type: "response",
      request_seq: request.seq,
      command: request.command,
    } as const;
    try {
      await this.#ends.runInTerminal?.(terminalRequest(request.arguments));
      this.#ends.write(encodeDap({ ...response, success: true, body: {} }));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#ends.write(encodeDap({ ...response, success: false, message }));
    }
  }
}

/** Members of an object whose names match. */
function membersOf(value: unknown, names: RegExp): Record<string, unknown> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([name]) => names.test(name)));
}

function terminalRequest(value: unknown): TerminalRequest {
  const { title, args, cwd, env } = membersOf(value, /./);
  return {
    title: typeof title === "string" ? title : "",
    command: Array.isArray(args) ? args.map(String) : [],
    cwd: typeof cwd === "string" ? cwd : "",
    env: Object.entries(membersOf(env, /./)).flatMap(([name, text]) =>
      typeof text === "string" ? [`${name}=${text}`] : [],
    ),
  };
}
