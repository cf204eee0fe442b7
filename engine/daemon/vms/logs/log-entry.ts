/**
 * A VM's log: one entry a line, in one of two forms, see native/host/vmm/records/log-writer.h. The first is
 * the Kubernetes CRI format and says everything, the other says how much later than the entry before it was:
 *
 *     <RFC 3339> <stdout|stderr> <F|P> <bytes>\n
 *     [<microseconds>]<O|o|E|e><bytes>\n
 */
export interface LogEntry {
  time: LogTime;
  stream: "stdout" | "stderr";
  /** The line's bytes as the process wrote them: with their newline, unless the entry is partial. */
  data: Buffer;
  partial: boolean;
}

export interface LogTime {
  /** Whole seconds since the epoch. */
  seconds: number;
  nanoseconds: number;
}

/** RFC 3339 with nanoseconds. */
export function timeText({ seconds, nanoseconds }: LogTime): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, "2026-01-01T00:00:00".length);
  return `${whole}.${String(nanoseconds).padStart(9, "0")}Z`;
}

/** Milliseconds since the epoch, with a fraction. */
export function timeMs({ seconds, nanoseconds }: LogTime): number {
  return seconds * 1000 + nanoseconds / 1e6;
}

/** A line of a log (its newline included), as far as it says itself what it is. */
export interface LogLine {
  /** Absent: `laterUs` after the entry before it. */
  time: LogTime | undefined;
  laterUs: number;
  stream: "stdout" | "stderr";
  partial: boolean;
  /** Of its bytes in the line. */
  dataStart: number;
}

const newline = 0x0a;
const space = 0x20;
const digit0 = 0x30;
const digit9 = 0x39;
/** The longest time since the entry before, in digits. */
const maxDeltaDigits = 6;

const shortMarks: Record<number, Pick<LogLine, "stream" | "partial">> = {
  79: { stream: "stdout", partial: false }, // O
  111: { stream: "stdout", partial: true }, // o
  69: { stream: "stderr", partial: false }, // E
  101: { stream: "stderr", partial: true }, // e
};

/** Undefined for a torn or foreign line, which a reader skips. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  if (line.at(-1) !== newline) return undefined;
  let laterUs = 0;
  let at = 0;
  for (; at <= maxDeltaDigits; at++) {
    const byte = line[at] ?? 0;
    if (byte < digit0 || byte > digit9) break;
    laterUs = laterUs * 10 + byte - digit0;
  }
  const mark = shortMarks[line[at] ?? 0];
  return mark ? { time: undefined, laterUs, ...mark, dataStart: at + 1 } : parseWholeLine(line);
}

function parseWholeLine(line: Buffer): LogLine | undefined {
  const timeEnd = line.indexOf(space);
  const streamEnd = line.indexOf(space, timeEnd + 1);
  if (timeEnd < 0 || streamEnd < 0 || line[streamEnd + 2] !== space) return undefined;
  const stream = line.toString("latin1", timeEnd + 1, streamEnd);
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const time = parseTime(line.toString("latin1", 0, timeEnd));
  if (!time) return undefined;
  return { time, laterUs: 0, stream, partial: line[streamEnd + 1] === 0x50, dataStart: streamEnd + 3 };
}

function parseTime(text: string): LogTime | undefined {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(text);
  const ms = Date.parse(`${parts?.[1]}Z`);
  if (!parts || Number.isNaN(ms)) return undefined;
  return { seconds: ms / 1000, nanoseconds: Number((parts[2] ?? "").padEnd(9, "0")) };
}

/** Bytes of the generations before the one that begins with `line`; 0 where it says nothing of them. */
export function parseBytesBefore(line: Buffer): number {
  return Number(/^# (\d{1,15})\n/.exec(line.toString("latin1", 0, 20))?.[1] ?? 0);
}

/** Cuts chunks of a log file into entries. */
export class LogEntryDecoder {
  #rest: Buffer = Buffer.alloc(0);
  /** Of the entry before; undefined until there was one that says it. */
  #time: LogTime | undefined;
  /** Bytes of entries that only give their time. */
  #skipBytes: number;

  /** The entries of the first `skipBytes` bytes are left out. */
  constructor(skipBytes = 0) {
    this.#skipBytes = skipBytes;
  }

  push(chunk: Buffer): LogEntry[] {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const entries: LogEntry[] = [];
    let start = 0;
    for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, start)) {
      const entry = this.#entry(data.subarray(start, end + 1));
      const isSkipped = this.#skipBytes > 0;
      this.#skipBytes -= end + 1 - start;
      if (entry && !isSkipped) entries.push(entry);
      start = end + 1;
    }
    this.#rest = Buffer.from(data.subarray(start));
    return entries;
  }

  /**
   * Forgets the beginning of a line whose end has not come. @returns how many bytes that were, which are to
   * be read again: the writer cuts off what a full disk has torn
   */
  dropRest(): number {
    const { length } = this.#rest;
    this.#rest = Buffer.alloc(0);
    return length;
  }

  #entry(text: Buffer): LogEntry | undefined {
    const line = parseLogLine(text);
    if (!line) return undefined;
    const time = line.time ?? (this.#time && later(this.#time, line.laterUs));
    if (!time) return undefined;
    this.#time = time;
    const data = text.subarray(line.dataStart, line.partial ? text.length - 1 : text.length);
    return { time, stream: line.stream, partial: line.partial, data };
  }
}

function later({ seconds, nanoseconds }: LogTime, us: number): LogTime {
  const sum = nanoseconds + us * 1000;
  return { seconds: seconds + Math.floor(sum / 1e9), nanoseconds: sum % 1e9 };
}
