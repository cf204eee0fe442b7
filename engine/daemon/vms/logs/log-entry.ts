/** One entry of a VM's log (the Kubernetes CRI format): `<RFC 3339> <stdout|stderr> <P|F> <bytes>\n`. */
export interface LogEntry {
  /** As written, nanoseconds included. */
  time: string;
  stream: "stdout" | "stderr";
  /** The line's bytes as the process wrote them: with their newline, unless the entry is partial. */
  data: Buffer;
  partial: boolean;
}

const newline = 0x0a;
const space = 0x20;

/** Parses one line (its newline included); undefined for a torn or foreign line, which a reader skips. */
export function parseLogEntry(line: Buffer): LogEntry | undefined {
  const timeEnd = line.indexOf(space);
  const streamEnd = line.indexOf(space, timeEnd + 1);
  if (timeEnd < 0 || streamEnd < 0 || line[streamEnd + 2] !== space || line.at(-1) !== newline)
    return undefined;
  const stream = line.toString("latin1", timeEnd + 1, streamEnd);
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const partial = line[streamEnd + 1] === 0x50;
  return {
    time: line.toString("latin1", 0, timeEnd),
    stream,
    partial,
    data: line.subarray(streamEnd + 3, partial ? line.length - 1 : line.length),
  };
}

/** Cuts chunks of a log file into entries. */
export class LogEntryDecoder {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): LogEntry[] {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const entries: LogEntry[] = [];
    let start = 0;
    for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, start)) {
      const entry = parseLogEntry(data.subarray(start, end + 1));
      if (entry) entries.push(entry);
      start = end + 1;
    }
    this.#rest = Buffer.from(data.subarray(start));
    return entries;
  }
}
