import { NotificationType, RequestType, RequestType0 } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type { InitializeParams } from "./params/engine.ts";

export type * from "./params/engine.ts";

/** Raised when a message changes its meaning; the engine refuses a client of another major number. */
export const protocolVersion = 2;

export interface InitializeResult {
  protocolVersion: number;
  engine: { version: string; pid: number };
  /** LSP clients require the member; the engine offers no language features. */
  capabilities: Record<string, never>;
}

/** First request on a connection, as in LSP; the engine answers no other before it. */
export const initialize = new RequestType<InitializeParams, InitializeResult, ErrorData>("initialize");
/** Ends the engine when followed by `exit`; VMs go on running. */
export const shutdown = new RequestType0<null, ErrorData>("shutdown");
export const exit = new NotificationType<void>("exit");

/**
 * EX_TEMPFAIL: status of an engine that found another's lock; the client that started it connects to that
 * one, which may still be on its way up.
 */
export const exitAlreadyRunning = 75;
/** EX_CONFIG: the same, where that one's socket is not the one that this client looks for. */
export const exitOtherSocket = 78;

export type RuntimeName = "krun" | "simulation";

export interface EngineInfo {
  version: string;
  protocolVersion: number;
  enginePid: number;
  /** What `--runtime auto` takes on this machine. */
  runtime: RuntimeName;
  /** Why `runtime` is the simulation, in one sentence; absent when VMs can run. */
  simulationReason?: string;
  libkrunVersion: string | null;
  libkrunPath: string | null;
  guestKernelVersion: string | null;
  dataDir: string;
  socketPath: string;
  /** For Docker's clients: a socket of the Docker Engine API. */
  dockerSocket: string;
  /** `paused` and `weaklyJailed`: of those that run. */
  vms: { total: number; running: number; paused: number; weaklyJailed: number };
  images: number;
  /**
   * Of engine.json: mirrors of Docker Hub, and hosts and networks that need no encryption. Older engines do
   * not say.
   */
  registries?: { mirrors: string[]; insecure: string[] };
  nodeVersion: string;
  hostKernelVersion: string;
  architecture: string;
  cpus: number;
  memoryMiB: number;
  uptimeSeconds: number;
  engineRssMiB: number;
}

export const engineInfo = new RequestType0<EngineInfo, ErrorData>("engine/info");

/** One precondition tested by `mocker doctor`. */
export interface DoctorCheck {
  name: string;
  status: "ok" | "warning" | "failed";
  detail: string;
  /** What to do about a warning or failure. */
  hint?: string;
}

export interface DoctorReport {
  checks: DoctorCheck[];
  /** The last line: what works here and what to do next. */
  summary: string;
}

export const engineDoctor = new RequestType0<DoctorReport, ErrorData>("engine/doctor");
