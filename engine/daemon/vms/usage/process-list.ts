import type { Socket } from "node:net";
import * as v from "valibot";
import type { MachineFacts, ProcessFacts } from "../../../docker/usage/process-table.ts";
import { MockerError, withoutControls } from "../../../protocol/errors.ts";
import { isRecord } from "../../../protocol/params/schema.ts";
import { FrameDecoder, FrameType } from "../../../protocol/stream.ts";
import type { Machine } from "../machine/machine.ts";

/** Some ten thousand processes. The guest says how many there are: it must not fill the engine's memory. */
const maxListBytes = 8 * 1024 * 1024;
const timeoutMs = 30_000;

const whole = v.pipe(v.number(), v.safeInteger());
const text = v.pipe(
  v.string(),
  v.maxLength(8192),
  v.transform((value) => withoutControls(value).replace(/[\t\n]/g, "\ufffd")),
);

const machineShape = v.object({ nowMs: whole, bootMs: whole, memoryBytes: whole });

const processShape = v.object({
  pid: whole,
  ppid: whole,
  pgid: whole,
  sid: whole,
  tty: text,
  state: text,
  uid: whole,
  ruid: whole,
  user: text,
  ruser: text,
  gid: whole,
  group: text,
  rgroup: text,
  threads: whole,
  nice: whole,
  priority: whole,
  cpuTicks: whole,
  startTicks: whole,
  virtualKiB: whole,
  residentKiB: whole,
  name: text,
  command: text,
});

/** The processes of a guest, and what ps(1) wants to know of their machine. */
export interface ProcessList {
  machine: MachineFacts;
  processes: ProcessFacts[];
}

/** Has a guest agent list the processes. @throws FEATURE_UNAVAILABLE for one that cannot, VM_FAILED */
export async function listProcesses(machine: Machine): Promise<ProcessList> {
  let stream: Socket;
  try {
    stream = await machine.processes();
  } catch (error) {
    // It took it for a program's name.
    if (!(error instanceof MockerError) || error.code !== "COMMAND_NOT_FOUND") throw error;
    throw new MockerError(
      "FEATURE_UNAVAILABLE",
      "the VM was started by an older Mocker, which lists no processes",
      {
        hint: "Start it again, or run a ps of its image: mocker exec VM ps",
        cause: error,
      },
    );
  }
  return parseProcessList(await outputOf(stream));
}

/** @throws VM_FAILED for what no agent says */
export function parseProcessList(output: string): ProcessList {
  const [first = "", ...rest] = output.split("\n").filter((line) => line !== "");
  const machine = v.safeParse(machineShape, parsed(first));
  const processes = v.safeParse(v.array(processShape), rest.map(parsed));
  if (!machine.success || !processes.success) throw failed("its guest agent says what makes no sense");
  return { machine: machine.output, processes: processes.output };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The whole output of a process that ends by itself. @throws VM_FAILED */
function outputOf(stream: Socket): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let exitCode: unknown;
    const end = (error?: Error): void => {
      clearTimeout(timer);
      stream.destroy();
      if (error) reject(error);
      else if (exitCode === 0) resolve(Buffer.concat(chunks).toString("utf8"));
      else reject(failed("its guest agent broke off"));
    };
    const timer = setTimeout(() => end(failed("its guest agent does not come to an end")), timeoutMs);
    const decoder = new FrameDecoder((type, payload) => {
      if (type === FrameType.stdout) {
        chunks.push(Buffer.from(payload));
        bytes += payload.length;
      } else if (type === FrameType.json) {
        const message = parsed(Buffer.from(payload).toString("utf8"));
        if (isRecord(message) && isRecord(message.exit)) exitCode = message.exit.code;
      }
      if (bytes > maxListBytes) throw new Error("too much");
    });
    stream.on("error", () => undefined);
    stream.on("close", () => end());
    stream.on("end", () => end());
    stream.on("data", (chunk: Buffer) => {
      try {
        decoder.push(chunk);
      } catch {
        end(failed("it has too many processes"));
      }
    });
  });
}

function failed(why: string): MockerError {
  return new MockerError("VM_FAILED", `cannot list the processes of the VM: ${why}`);
}
