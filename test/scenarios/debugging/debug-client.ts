import assert from "node:assert/strict";
import { EngineClient } from "../../../engine/client/engine-client.ts";
import { reachRunning } from "../../../engine/client/reach-engine.ts";
import type { RuntimeName } from "../../../engine/protocol/engine.ts";
import type { DapMessage, DapResponse } from "../../../extension/debug/dap-message.ts";
import { type DebugConfiguration, planDebugging } from "../../../extension/debug/debug-plan.ts";
import {
  type DebugHost,
  DebugSession,
  type InspectorTarget,
} from "../../../extension/debug/debug-session.ts";
import { KeptVms } from "../../../extension/debug/kept-vms.ts";
import type { Mocker } from "../../support/mocker.ts";
import { retry } from "../../support/retry.ts";

export interface Frames {
  stackFrames: { id: number; line: number; source: { path: string } }[];
}

/** The debug type's sessions as the editor has them: the Debug Adapter Protocol, without the editor. */
export class Debugging {
  readonly #engine: EngineClient;
  readonly #workspaceFolder: string;
  readonly #runtime: RuntimeName;
  readonly #kept = new KeptVms();
  readonly #clients: DebugClient[] = [];

  private constructor(engine: EngineClient, workspaceFolder: string, runtime: RuntimeName) {
    this.#engine = engine;
    this.#workspaceFolder = workspaceFolder;
    this.#runtime = runtime;
  }

  /** With the engine of a home, which runs. */
  static async open(mocker: Mocker, workspaceFolder: string, runtime: RuntimeName): Promise<Debugging> {
    const engine = await reachRunning({
      env: mocker.environment(),
      connected: (socket, path) => EngineClient.open(socket, path, { name: "test", version: "0" }),
    });
    assert.ok(engine);
    return new Debugging(engine, workspaceFolder, runtime);
  }

  /** A session with these members in its configuration; `debugpy` is what the editor's extension has. */
  begin(members: Record<string, unknown>, debugpy?: string): DebugClient {
    const configuration = { name: "Debug", request: "launch", ...members };
    const plan = planDebugging(configuration satisfies DebugConfiguration, {
      plan: { workspaceFolder: this.#workspaceFolder, userHome: this.#workspaceFolder },
      defaults: { cpus: 0, memoryMiB: 0, runtime: this.#runtime, network: "bridge", autoRemove: false },
      debugpy,
    });
    const client = new DebugClient((host) => new DebugSession(this.#engine, plan, host, this.#kept));
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const { session } of this.#clients) await session.close();
    this.#kept.dispose();
    this.#engine.close();
  }
}

export class DebugClient {
  readonly session: DebugSession;
  readonly received: DapMessage[] = [];
  readonly inspectors: InspectorTarget[] = [];
  #seq = 0;

  constructor(open: (host: DebugHost) => DebugSession) {
    this.session = open({
      send: (message) => this.received.push(message),
      pull: async () => false,
      attachInspector: async (target) => {
        this.inspectors.push(target);
      },
      runInTerminal: async () => assert.fail("nobody wanted a terminal"),
      describe: (error) =>
        error instanceof Error ? `${error.message} ${"hint" in error ? error.hint : ""}` : "",
    });
  }

  send(command: string, args: unknown = {}): number {
    this.session.handle({ seq: ++this.#seq, type: "request", command, arguments: args });
    return this.#seq;
  }

  async response(seq: number): Promise<DapResponse> {
    return await this.#find((message) =>
      message.type === "response" && message.request_seq === seq ? message : undefined,
    );
  }

  /** Sends a request that must succeed; its response's body. */
  async ask<T>(command: string, args: unknown = {}): Promise<T> {
    const response = await this.response(this.send(command, args));
    assert.ok(response.success, `${command}: ${response.message}`);
    return response.body as T;
  }

  /**
   * Starts the program with breakpoints in a file, and exception breakpoints; returns once it runs. The
   * capabilities of the adapter.
   */
  async launch(
    source: string,
    breakpoints: object[],
    options: { filters?: string[]; launch?: object } = {},
  ): Promise<Record<string, unknown>> {
    const capabilities = await this.ask<Record<string, unknown>>("initialize", { adapterID: "mocker" });
    const launched = this.send("launch", options.launch);
    // gdb answers before it asks for breakpoints, the others after.
    const begun = await this.#find((answer) => {
      if (answer.type === "event" && answer.event === "initialized") return answer;
      const fails = answer.type === "response" && answer.request_seq === launched && !answer.success;
      return fails ? answer : undefined;
    });
    assert.equal(begun.type, "event", JSON.stringify(begun));
    await this.ask("setBreakpoints", { source: { path: source }, breakpoints });
    if (options.filters !== undefined) {
      await this.ask("setExceptionBreakpoints", { filters: options.filters });
    }
    await this.ask("configurationDone");
    const { success, message } = await this.response(launched);
    assert.ok(success, message);
    return capabilities;
  }

  /** The nth stop. */
  async stopped(nth = 0): Promise<{ reason: string; threadId: number; frame: Frames["stackFrames"][0] }> {
    const { threadId, reason } = await this.event<{ threadId: number; reason: string }>("stopped", nth);
    const { stackFrames } = await this.ask<Frames>("stackTrace", { threadId });
    const [frame] = stackFrames;
    assert.ok(frame);
    return { reason, threadId, frame };
  }

  /** The body of the nth event of a name. */
  async event<T>(name: string, nth = 0): Promise<T> {
    return await this.#find(() => {
      const events = this.received.filter((message) => message.type === "event" && message.event === name);
      const event = events[nth];
      return event?.type === "event" ? ((event.body ?? {}) as T) : undefined;
    });
  }

  output(): string {
    return this.received
      .map((message) => (message.type === "event" && message.event === "output" ? message.body : {}))
      .map((body) => String((body as { output?: unknown }).output ?? ""))
      .join("");
  }

  async #find<T>(look: (message: DapMessage) => T | undefined): Promise<T> {
    let found: T | undefined;
    await retry(() => {
      found = this.received.map(look).find((value) => value !== undefined);
      if (found === undefined)
        throw new Error(`no answer; there is ${JSON.stringify(this.received.slice(-5))}`);
      return true;
    });
    return found as T;
  }
}
