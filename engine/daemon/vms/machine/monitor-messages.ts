/** What a monitor says to the engine, as it is declared and checked. */
import * as v from "valibot";
import { isRecord } from "../../../protocol/params/schema.ts";
import type { JailLayer } from "../../../protocol/vm.ts";
import type { AgentHello } from "./agent-protocol.ts";

export type MainState = "none" | "running" | "exited";

/** What of an answer's result is of interest; absent members are 0. */
export interface AgentResult {
  pid: number;
  memoryUsedBytes: number;
  processes: number;
  threads: number;
  cpuUs: number;
  networkReceivedBytes: number;
  networkSentBytes: number;
  blockReadBytes: number;
  blockWrittenBytes: number;
}

export type MonitorMessage =
  /** `exit` is checked by who reads it, as the record that it may become. */
  | {
      kind: "monitor";
      agent: AgentHello | undefined;
      main: MainState;
      exit: unknown;
      jail: JailLayer[] | undefined;
      paused: boolean;
    }
  | { kind: "execExited"; id: string; exitCode: number }
  | { kind: "answer"; id: string; result: AgentResult }
  | { kind: "error"; id: string; code: string; message: string }
  /** An event that this engine does not know: the monitor is newer. */
  | { kind: "unknown" };

const count = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), 0);
const text = v.pipe(v.string(), v.maxLength(8192));

const announcement = v.object({
  event: v.literal("monitor"),
  params: v.object({
    agent: v.nullable(v.object({ protocol: count, kernel: text, bootMs: count })),
    main: v.picklist(["none", "running", "exited"]),
    exit: v.optional(v.unknown()),
    jail: v.optional(v.array(v.object({ name: text, on: v.boolean(), detail: v.exactOptional(text) }))),
    paused: v.optional(v.boolean(), false),
  }),
});

const execExit = v.object({
  event: v.literal("execExited"),
  params: v.object({
    id: text,
    code: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255)),
  }),
});

const answer = v.object({
  id: text,
  result: v.object({
    pid: count,
    memoryUsedBytes: count,
    processes: count,
    threads: count,
    cpuUs: count,
    networkReceivedBytes: count,
    networkSentBytes: count,
    blockReadBytes: count,
    blockWrittenBytes: count,
  }),
});

const failure = v.object({ id: text, error: v.object({ code: text, message: text }) });

/** @returns undefined for what no monitor says */
export function parseMonitorMessage(message: unknown): MonitorMessage | undefined {
  if (!isRecord(message)) return undefined;
  if (typeof message.event === "string") return parseEvent(message.event, message);
  if ("error" in message) {
    const parsed = v.safeParse(failure, message);
    return parsed.success ? { kind: "error", id: parsed.output.id, ...parsed.output.error } : undefined;
  }
  const parsed = v.safeParse(answer, message);
  return parsed.success ? { kind: "answer", ...parsed.output } : undefined;
}

function parseEvent(event: string, message: Record<string, unknown>): MonitorMessage | undefined {
  if (event === "monitor") {
    const parsed = v.safeParse(announcement, message);
    if (!parsed.success) return undefined;
    const { agent, main, exit, jail, paused } = parsed.output.params;
    return { kind: "monitor", agent: agent ?? undefined, main, exit, jail, paused };
  }
  if (event === "execExited") {
    const parsed = v.safeParse(execExit, message);
    if (!parsed.success) return undefined;
    return { kind: "execExited", id: parsed.output.params.id, exitCode: parsed.output.params.code };
  }
  return { kind: "unknown" };
}
