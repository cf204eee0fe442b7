/**
 * A debug session of the type `mocker`: owns the VM, and speaks the Debug Adapter Protocol with the editor,
 * for an adapter in the VM or, of Node, for the editor's own debugger, which attaches from outside.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { MockerError, vmInspect } from "../../engine/protocol/index.ts";
import { l10n } from "../l10n.ts";
import { DapBridge, type TerminalRequest } from "./dap-bridge.ts";
import type { DapMessage, DapRequest } from "./dap-message.ts";
import type { AttachPlan, LaunchPlan } from "./debug-plan.ts";
import {
  clearVm,
  type DebugEngine,
  type DebugProcess,
  type DebugVm,
  execProcess,
  hostPortOf,
  launchVm,
  markedEnvironment,
  type VmName,
} from "./debug-process.ts";
import { inspectorAnswers } from "./inspector.ts";
import type { KeptVms } from "./kept-vms.ts";
import { debuggers } from "./language.ts";
import { PathMapping, type SharedDirectory } from "./path-mapping.ts";

/** A session of js-debug, which the editor starts as a child of ours. */
export interface InspectorTarget {
  address: string;
  port: number;
  localRoot: string;
  remoteRoot: string;
}

/** What the session needs of the editor. */
export interface DebugHost {
  send(message: DapMessage): void;
  /** Pulls an image. Throws MockerError. */
  pull(image: string): Promise<boolean>;
  /** Starts js-debug. Rejects if it does not start. */
  attachInspector(target: InspectorTarget, members: Record<string, unknown>): Promise<void>;
  /** Runs words in a VM, in a terminal that shows them. Rejects with MockerError if they do not start. */
  runInTerminal(vm: VmName, request: TerminalRequest): Promise<DebugProcess>;
  /** An error as one text for the user. */
  describe(error: unknown): string;
}

/** What Node says of its inspector. */
const inspectorWords =
  /^(Debugger (listening on|ending on|attached).*|For help, see: .*|Waiting for the debugger to disconnect\.\.\.)\n/gm;
/** For an adapter to answer the last request before its VM goes. */
const drainMs = 2000;
/** For js-debug to show the rest of what a program that has ended logged. */
const peerMs = 5000;
/** Of what a process said that ended too early. */
const tailLength = 4000;

const isStart = (command: string): boolean => /^(initialize|launch|attach)$/.test(command);
const isEnd = (command: string): boolean => /^(disconnect|terminate)$/.test(command);

export class DebugSession {
  readonly #engine: DebugEngine;
  readonly #plan: LaunchPlan | AttachPlan;
  readonly #host: DebugHost;
  readonly #kept: KeptVms;
  readonly #closing = new AbortController();
  /** Requests for the adapter while it is started. */
  readonly #waiting: DapMessage[] = [];
  /** Start requests that have no response yet, by their numbers. */
  readonly #unanswered = new Map<number, DapRequest>();
  #bridge: DapBridge | undefined;
  /** The session's own. */
  #vm: DebugVm | undefined;
  #process: DebugProcess | undefined;
  /** The editor starts the session again when this one has ended. */
  #restarts = false;
  #release: (vm: DebugVm | undefined) => void = () => undefined;
  #booting: Promise<unknown> | undefined;
  #closed: Promise<void> | undefined;
  #socket: Socket | undefined;
  #tail = "";
  #seq = 1;
  #terminated = false;
  #announced: (() => void) | undefined;
  /** The request that ends the session, and what its response calls. */
  #left: { seq: number; resolve: () => void } | undefined;
  /** Of js-debug: whether its session has begun, and what its end calls. */
  #attached = false;
  #peerLeft: () => void = () => undefined;
  readonly #peerEnd = new Promise<void>((resolve) => {
    this.#peerLeft = resolve;
  });

  constructor(engine: DebugEngine, plan: LaunchPlan | AttachPlan, host: DebugHost, kept: KeptVms) {
    this.#engine = engine;
    this.#plan = plan;
    this.#host = host;
    this.#kept = kept;
  }

  /** A message of the editor's. */
  handle(message: DapMessage): void {
    if (message.type === "request" && isStart(message.command)) this.#unanswered.set(message.seq, message);
    if (message.type === "request" && isEnd(message.command)) {
      if (this.#plan.kind === "launch" && startsAgain(message)) this.#keepVm(this.#plan);
      if (this.#restarts || this.#closed !== undefined) {
        this.close().then(() => this.#respond(message));
        return;
      }
    }
    if (this.#plan.transport === "inspector") {
      if (message.type === "request") this.#answer(message);
      return;
    }
    if (message.type === "request" && isEnd(message.command)) this.#leave(message);
    if (this.#bridge !== undefined) {
      this.#bridge.fromEditor(message);
      return;
    }
    this.#waiting.push(message);
    this.#booting ??= this.#start(() => this.#openBridge());
  }

  /** The session of js-debug, or the connection to the adapter, is over. */
  peerEnded(): void {
    this.#peerLeft();
    this.close().catch(() => undefined);
    this.#terminate();
  }

  /** The VM goes to the next session when this one is closed. */
  #keepVm({ vm }: LaunchPlan): void {
    if (this.#restarts || this.#closed !== undefined) return;
    this.#restarts = true;
    const released = new Promise<DebugVm | undefined>((resolve) => {
      this.#release = resolve;
    });
    this.#kept.keep(keyOf(vm), released);
  }

  /** Ends the VM, or leaves the one that it was attached to. Never rejects. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    // What is being started is ended once it has.
    await this.#booting?.catch(() => undefined);
    this.#socket?.destroy();
    this.#process?.close();
    const vm = this.#vm;
    const isKept = this.#restarts && vm !== undefined && (await clearVm(this.#engine, vm));
    if (!isKept) await vm?.remove();
    this.#release(isKept ? vm : undefined);
  }

  // Node: all but the start and the end is js-debug's.

  #answer(request: DapRequest): void {
    switch (request.command) {
      case "initialize":
        this.#respond(request, { supportsConfigurationDoneRequest: true });
        return;
      case "launch":
      case "attach":
        this.#booting ??= this.#start(async () => {
          await this.#openInspector(request);
        });
        return;
      case "threads":
        this.#respond(request, { threads: [] });
        return;
      case "disconnect":
      case "terminate":
        this.close().then(() => this.#respond(request));
        return;
      case "configurationDone":
      case "setBreakpoints":
      case "setFunctionBreakpoints":
      case "setExceptionBreakpoints":
        this.#respond(request, { breakpoints: [] });
        return;
      default:
        this.#refuse(request, l10n.t("Choose the session of the program for this."));
    }
  }

  async #openInspector(request: DapRequest): Promise<void> {
    const plan = this.#plan;
    const vm = plan.kind === "launch" ? await this.#launch(plan) : undefined;
    if (plan.kind === "launch" && !plan.debug) {
      this.#respond(request);
      return;
    }
    const guestPort = plan.port ?? 0;
    const details = await this.#engine.request(vmInspect, { vm: vm?.id ?? vmName(plan) });
    const port = await hostPortOf(this.#engine, details.id, guestPort);
    if (port === undefined) throw this.#unpublished(details.name, guestPort);
    await inspectorAnswers(port, this.#closing.signal);
    const { local, remote } =
      plan.shared ?? sharePlace(workspaceOf(plan), PathMapping.shares(details.mounts));
    await this.#host.attachInspector(
      { address: "127.0.0.1", port, localRoot: local, remoteRoot: remote },
      plan.startArguments,
    );
    this.#attached = true;
    this.#respond(request);
  }

  #unpublished(vm: string, port: number): MockerError {
    return new MockerError(
      "INVALID_ARGUMENT",
      l10n.t("The VM {0} publishes no port {1} for the debugger.", vm, port),
      {
        hint: l10n.t("Run it with -p 127.0.0.1::{0}, and its debugger at 0.0.0.0:{0}", port),
      },
    );
  }

  // The others: an adapter in the VM.

  async #openBridge(): Promise<void> {
    const plan = this.#plan;
    const decode = (bytes: Uint8Array) => this.#fromAdapter(bytes);
    let vm: VmName;
    let mapping: PathMapping;
    if (plan.kind === "launch") {
      const announced = new Promise<void>((resolve) => {
        this.#announced = resolve;
      });
      vm = await this.#launch(plan);
      mapping = new PathMapping([plan.shared, ...PathMapping.shares(plan.vm.mounts ?? [])]);
      if (plan.transport === "tcp") {
        await Promise.race([announced, this.#process?.ended, aborted(this.#closing.signal)]);
      }
    } else {
      const details = await this.#engine.request(vmInspect, { vm: plan.vm });
      vm = details;
      const own = plan.shared === undefined ? [] : [plan.shared];
      mapping = new PathMapping([...own, ...PathMapping.shares(details.mounts)]);
      if (plan.transport === "stdio") {
        const { command } = plan;
        this.#own(await execProcess(this.#engine, details, { command }, this.#onOutput));
      }
    }
    if (plan.transport === "tcp") await this.#dial(vm, plan.port ?? 0, decode);
    const bridge = new DapBridge(
      {
        send: (message) => this.#toEditor(message),
        write: (bytes) => {
          if (this.#socket === undefined) this.#process?.write(bytes);
          else this.#socket.write(bytes);
        },
        text: (text) => {
          this.#said(text);
          this.#print("console", text);
        },
        ...(plan.console === "integratedTerminal"
          ? { runInTerminal: (request: TerminalRequest) => this.#runInTerminal(vm, request) }
          : {}),
      },
      mapping,
      plan.startArguments,
    );
    this.#bridge = bridge;
    for (const message of this.#waiting.splice(0)) bridge.fromEditor(message);
  }

  /** Connects to an adapter that listens in the VM. */
  async #dial(vm: VmName, guestPort: number, decode: (bytes: Uint8Array) => void): Promise<void> {
    const port = await hostPortOf(this.#engine, vm.id, guestPort);
    if (port === undefined) throw this.#unpublished(vm.name, guestPort);
    const socket = connect({ host: "127.0.0.1", port });
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", decode);
    socket.once("close", () => this.peerEnded());
  }

  #fromAdapter(bytes: Uint8Array): void {
    try {
      this.#bridge?.push(bytes);
    } catch (error) {
      this.#print("stderr", `${this.#host.describe(error)}\n`);
      this.close().catch(() => undefined);
    }
  }

  /** An adapter that does not answer the last request is not waited for. */
  async #leave(request: DapRequest): Promise<void> {
    this.#unanswered.set(request.seq, request);
    if (request.command === "terminate") return;
    this.#closing.abort();
    if (this.#bridge !== undefined) {
      const answered = new Promise<void>((resolve) => {
        this.#left = { seq: request.seq, resolve };
      });
      const ended = this.#process?.ended ?? answered;
      await Promise.race([answered, ended, sleep(drainMs, undefined, { ref: false })]);
    }
    await this.close();
    if (this.#unanswered.delete(request.seq)) this.#respond(request);
  }

  // Both.

  async #launch(plan: LaunchPlan): Promise<DebugVm> {
    const pull = () => this.#host.pull(plan.image);
    const vm =
      (await this.#kept.take(keyOf(plan.vm))) ?? (await launchVm(this.#engine, plan.vm, plan.waiters, pull));
    this.#vm = vm;
    const { command, workingDir, console } = plan;
    const what = { command, ...(workingDir === undefined ? {} : { workingDir }) };
    const process =
      plan.transport === "inspector" && console === "integratedTerminal"
        ? await this.#runInTerminal(vm, { title: "", command, cwd: workingDir ?? "", env: [] })
        : await execProcess(this.#engine, vm, { ...what, env: markedEnvironment() }, this.#onOutput);
    this.#own(process, vm);
    return vm;
  }

  #runInTerminal(vm: VmName, request: TerminalRequest): Promise<DebugProcess> {
    const env = this.#plan.kind === "launch" ? markedEnvironment(request.env) : request.env;
    return this.#host.runInTerminal(vm, { ...request, env });
  }

  #own(process: DebugProcess, vm?: DebugVm): void {
    this.#process = process;
    Promise.race([process.ended, vm?.ended ?? process.ended]).then(async (end) => {
      const exitCode = end.kind === "exit" ? end.exitCode : 1;
      if (end.kind === "exit" && end.reason !== undefined) this.#print("console", `${end.reason}\n`);
      if (end.kind === "error") this.#print("stderr", `${this.#host.describe(end.error)}\n`);
      for (const request of this.#unanswered.values()) {
        if (isStart(request.command)) this.#refuse(request, this.#endedTooEarly(exitCode));
      }
      if (!this.#terminated) this.#event("exited", { exitCode });
      if (this.#attached && !this.#closing.signal.aborted) {
        await Promise.race([this.#peerEnd, sleep(peerMs, undefined, { ref: false })]);
      }
      this.#terminate();
      this.close().catch(() => undefined);
    });
  }

  readonly #onOutput = (bytes: Uint8Array, isStderr: boolean): void => {
    const { transport, console, startArguments } = this.#plan;
    if (transport === "stdio" && !isStderr) {
      // The bytes are the stream's own for now only.
      if (this.#bridge === undefined) this.#early.push(Buffer.from(bytes));
      else this.#fromAdapter(bytes);
      return;
    }
    const text = Buffer.from(bytes).toString("utf8");
    this.#said(text);
    if (transport === "tcp" && /DAP server listening/.test(this.#tail)) this.#announced?.();
    // js-debug shows what the program logs; the rest of its output is here.
    const isShown = transport === "inspector" && console === "internalConsole";
    const wants =
      this.#plan.kind === "launch" && (!this.#plan.debug || startArguments.outputCapture === "std");
    if (transport !== "inspector") this.#print(isStderr ? "stderr" : "stdout", text);
    else if (isShown && wants)
      this.#print(isStderr ? "stderr" : "stdout", text.replaceAll(inspectorWords, ""));
  };
  #said(text: string): void {
    this.#tail = (this.#tail + text).slice(-tailLength);
  }

  /** What an adapter said before anybody listened. */
  readonly #early: Uint8Array[] = [];

  /** What fails before the session is there is the answer to the request that began it. */
  async #start(open: () => Promise<void>): Promise<void> {
    try {
      await open();
      for (const bytes of this.#early.splice(0)) this.#fromAdapter(bytes);
    } catch (error) {
      // A user who has stopped it knows.
      if (!this.#closing.signal.aborted) {
        const text = this.#host.describe(this.#explained(error));
        for (const request of [...this.#unanswered.values()]) this.#refuse(request, text);
      }
      this.#terminate();
      // Not from within: closing waits for the start to be over.
      setImmediate(() => this.close().catch(() => undefined));
    }
  }

  #explained(error: unknown): unknown {
    const lacks =
      error instanceof MockerError &&
      (error.code === "COMMAND_NOT_FOUND" || error.code === "COMMAND_NOT_EXECUTABLE");
    if (!lacks) return error;
    return new MockerError(
      error.code,
      l10n.t(
        "{0} has no {1}.",
        place(this.#plan),
        this.#plan.command[0] ?? debuggers[this.#plan.language].command[0] ?? "",
      ),
      { hint: debuggers[this.#plan.language].remedy(), cause: error },
    );
  }

  #endedTooEarly(exitCode: number): string {
    const { explain, remedy } = debuggers[this.#plan.language];
    const where = place(this.#plan);
    const said = this.#tail.trim().split("\n").slice(-8).join("\n");
    const message =
      explain?.(exitCode, said, where) ??
      l10n.t("The debugger in {0} ended with code {1}: {2}.", where, exitCode, said);
    return this.#host.describe(new MockerError("VM_FAILED", message, { hint: remedy() }));
  }

  #toEditor(message: DapMessage): void {
    if (message.type === "response") {
      this.#unanswered.delete(message.request_seq);
      if (message.request_seq === this.#left?.seq) this.#left.resolve();
    }
    if (message.type === "event" && message.event === "terminated") this.#terminated = true;
    this.#host.send(message);
  }

  #terminate(): void {
    if (this.#terminated) return;
    this.#terminated = true;
    this.#event("terminated");
  }

  #print(category: "stdout" | "stderr" | "console", output: string): void {
    this.#event("output", { category, output });
  }

  #event(event: string, body?: unknown): void {
    this.#host.send({ seq: this.#seq++, type: "event", event, ...(body === undefined ? {} : { body }) });
  }

  #respond({ seq, command }: DapRequest, body?: unknown): void {
    this.#unanswered.delete(seq);
    this.#host.send({
      seq: this.#seq++,
      type: "response",
      request_seq: seq,
      success: true,
      command,
      ...(body === undefined ? {} : { body }),
    });
  }

  #refuse({ seq, command }: DapRequest, text: string): void {
    this.#unanswered.delete(seq);
    const error = { id: 1, format: text, showUser: true };
    this.#host.send({
      seq: this.#seq++,
      type: "response",
      request_seq: seq,
      success: false,
      command,
      message: text,
      body: { error },
    });
  }
}

function workspaceOf(plan: LaunchPlan | AttachPlan): string | undefined {
  return plan.kind === "attach" ? plan.workspaceFolder : plan.shared.local;
}

function vmName(plan: LaunchPlan | AttachPlan): string {
  return plan.kind === "attach" ? plan.vm : "";
}

function place(plan: LaunchPlan | AttachPlan): string {
  return plan.kind === "launch" ? l10n.t("The image {0}", plan.image) : l10n.t("The VM {0}", plan.vm);
}

/** Where the workspace is in a VM that somebody else started. */
function sharePlace(workspaceFolder: string | undefined, shares: SharedDirectory[]): SharedDirectory {
  if (workspaceFolder === undefined) return shares[0] ?? { local: "/", remote: "/" };
  return { local: workspaceFolder, remote: new PathMapping(shares).toRemote(workspaceFolder) };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function startsAgain({ arguments: given }: DapRequest): boolean {
  return typeof given === "object" && given !== null && "restart" in given && given.restart === true;
}

/** What a VM that is kept must be like. */
function keyOf(vm: LaunchPlan["vm"]): string {
  return JSON.stringify(vm);
}
