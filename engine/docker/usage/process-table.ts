/** What ps(1) of procps shows of processes, from what is known of them. */
import { MockerError } from "../../protocol/errors.ts";

/** A process, as the guest agent tells of it (native/guest/agent/processes.h). Ticks are hundredths of a second. */
export interface ProcessFacts {
  pid: number;
  ppid: number;
  pgid: number;
  sid: number;
  /** `?`: none. */
  tty: string;
  /** One letter. */
  state: string;
  uid: number;
  ruid: number;
  user: string;
  ruser: string;
  gid: number;
  group: string;
  rgroup: string;
  threads: number;
  nice: number;
  priority: number;
  cpuTicks: number;
  /** Since the kernel started. */
  startTicks: number;
  virtualKiB: number;
  residentKiB: number;
  /** At most 15 bytes. */
  name: string;
  /** Its arguments with spaces between them; empty where it has none. */
  command: string;
}

/** The machine that the processes are in. */
export interface MachineFacts {
  /** Since the epoch. */
  nowMs: number;
  /** Since the kernel started. */
  bootMs: number;
  memoryBytes: number;
}

export interface ProcessTable {
  titles: string[];
  rows: string[][];
}

interface Column {
  title: string;
  text(process: ProcessFacts, machine: MachineFacts): string;
}

const two = (value: number): string => String(value).padStart(2, "0");

function elapsedSeconds({ startTicks }: ProcessFacts, { bootMs }: MachineFacts): number {
  return Math.max(0, Math.floor(bootMs / 1000 - startTicks / 100));
}

function startOf(process: ProcessFacts, machine: MachineFacts): Date {
  return new Date(machine.nowMs - machine.bootMs + process.startTicks * 10);
}

/** The share of one CPU over its life, in percent. */
function cpuPercent(process: ProcessFacts, machine: MachineFacts): number {
  const seconds = elapsedSeconds(process, machine);
  return seconds === 0 ? 0 : process.cpuTicks / seconds;
}

/** `[D-]HH:MM:SS`. */
function clock(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const time = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(two);
  return `${days > 0 ? `${days}-` : ""}${time.join(":")}`;
}

/** `[[D-]HH:]MM:SS`. */
function elapsed(seconds: number): string {
  return clock(seconds).replace(/^00:/, "");
}

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const days = "Sun Mon Tue Wed Thu Fri Sat".split(" ");

/** Hours and minutes of one that has started `recently`, else a day, else a year. */
function startText(start: Date, machine: MachineFacts, recently: boolean): string {
  if (recently) return `${two(start.getHours())}:${two(start.getMinutes())}`;
  const isThisYear = start.getFullYear() === new Date(machine.nowMs).getFullYear();
  return isThisYear ? `${months[start.getMonth()]}${two(start.getDate())}` : String(start.getFullYear());
}

function commandLine({ command, name, state }: ProcessFacts): string {
  const shown = command === "" ? `[${name}]` : command;
  return state === "Z" ? `${shown} <defunct>` : shown;
}

function stateWord({ state, nice, pid, sid, threads }: ProcessFacts): string {
  const priority = nice < 0 ? "<" : nice > 0 ? "N" : "";
  return `${state}${priority}${pid === sid ? "s" : ""}${threads > 1 ? "l" : ""}`;
}

const dayMs = 86_400_000;

/** Columns by the names of `ps -o`, as `ps L` lists them; the first name of each is the usual one. */
const columns: readonly [names: string, column: Column][] = [
  ["pid tgid", { title: "PID", text: ({ pid }) => String(pid) }],
  ["ppid", { title: "PPID", text: ({ ppid }) => String(ppid) }],
  ["pgid", { title: "PGID", text: ({ pgid }) => String(pgid) }],
  ["pgrp", { title: "PGRP", text: ({ pgid }) => String(pgid) }],
  ["sid", { title: "SID", text: ({ sid }) => String(sid) }],
  ["sess session", { title: "SESS", text: ({ sid }) => String(sid) }],
  ["uid euid", { title: "UID", text: ({ uid }) => String(uid) }],
  ["ruid", { title: "RUID", text: ({ ruid }) => String(ruid) }],
  ["user uname", { title: "USER", text: ({ user }) => user }],
  ["euser", { title: "EUSER", text: ({ user }) => user }],
  ["ruser", { title: "RUSER", text: ({ ruser }) => ruser }],
  ["gid egid", { title: "GID", text: ({ gid }) => String(gid) }],
  ["group", { title: "GROUP", text: ({ group }) => group }],
  ["egroup", { title: "EGROUP", text: ({ group }) => group }],
  ["rgroup", { title: "RGROUP", text: ({ rgroup }) => rgroup }],
  ["tty tt", { title: "TT", text: ({ tty }) => tty }],
  ["tname", { title: "TTY", text: ({ tty }) => tty }],
  ["c", { title: "C", text: (one, machine) => String(Math.min(99, Math.floor(cpuPercent(one, machine)))) }],
  ["pcpu %cpu", { title: "%CPU", text: (one, machine) => cpuPercent(one, machine).toFixed(1) }],
  [
    "pmem %mem",
    {
      title: "%MEM",
      text: ({ residentKiB }, { memoryBytes }) =>
        (memoryBytes > 0 ? (residentKiB * 102_400) / memoryBytes : 0).toFixed(1),
    },
  ],
  ["rss rssize rsz", { title: "RSS", text: ({ residentKiB }) => String(residentKiB) }],
  ["vsz vsize", { title: "VSZ", text: ({ virtualKiB }) => String(virtualKiB) }],
  ["sz", { title: "SZ", text: ({ virtualKiB }) => String(Math.floor(virtualKiB / 4)) }],
  ["stat", { title: "STAT", text: stateWord }],
  ["s state", { title: "S", text: ({ state }) => state }],
  ["ni nice", { title: "NI", text: ({ nice }) => String(nice) }],
  // procps' `pri` is turned round; that of the kernel is `priority`.
  ["pri", { title: "PRI", text: ({ priority }) => String(39 - priority) }],
  ["priority", { title: "PRI", text: ({ priority }) => String(priority) }],
  ["nlwp thcount", { title: "NLWP", text: ({ threads }) => String(threads) }],
  ["time cputime", { title: "TIME", text: ({ cpuTicks }) => clock(Math.floor(cpuTicks / 100)) }],
  [
    "bsdtime",
    {
      title: "TIME",
      text: ({ cpuTicks }) => `${Math.floor(cpuTicks / 6000)}:${two(Math.floor(cpuTicks / 100) % 60)}`,
    },
  ],
  ["etime", { title: "ELAPSED", text: (one, machine) => elapsed(elapsedSeconds(one, machine)) }],
  ["etimes", { title: "ELAPSED", text: (one, machine) => String(elapsedSeconds(one, machine)) }],
  [
    "stime start_time",
    {
      title: "STIME",
      text(one, machine) {
        const start = startOf(one, machine);
        return startText(start, machine, start.toDateString() === new Date(machine.nowMs).toDateString());
      },
    },
  ],
  [
    "start bsdstart",
    {
      title: "START",
      text(one, machine) {
        const start = startOf(one, machine);
        return startText(start, machine, machine.nowMs - start.getTime() < dayMs);
      },
    },
  ],
  [
    "lstart",
    {
      title: "STARTED",
      text(one, machine) {
        const start = startOf(one, machine);
        const time = [start.getHours(), start.getMinutes(), start.getSeconds()].map(two).join(":");
        const date = `${months[start.getMonth()]} ${String(start.getDate()).padStart(2)}`;
        return `${days[start.getDay()]} ${date} ${time} ${start.getFullYear()}`;
      },
    },
  ],
  ["comm ucmd ucomm", { title: "COMMAND", text: ({ name }) => name }],
  ["args command", { title: "COMMAND", text: commandLine }],
  ["cmd", { title: "CMD", text: commandLine }],
];

const byName = new Map(columns.flatMap(([names, column]) => names.split(" ").map((name) => [name, column])));

const fullFormat = "user=UID,pid,ppid,c,stime,tname,time,cmd";
const plainFormat = "pid,tname,time,comm=CMD";
const bsdFormat = "pid,tname,stat,bsdtime,args";
const bsdUserFormat = "user,pid,pcpu,pmem,vsz,rss,tname,stat,start,bsdtime,args";

/**
 * The columns that ps's options ask for: `-ef`, `aux`, `-o pid,comm`, `-eo user=WHO` and their like. Which
 * processes they choose does not matter: as in Docker's `top`, all of the VM's are shown.
 * @throws INVALID_ARGUMENT in ps's words for others, in Docker's where there is no PID
 */
export function chooseColumns(psArgs: string): Column[] {
  const words = psArgs.split(" ").filter((word) => word !== "");
  const formats: string[] = [];
  let fallback: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const isUnix = word.startsWith("-") && !word.startsWith("--");
    const long = /^--format(?:=(.*))?$/.exec(word);
    const short = /^(-?)([A-Za-z]*?)o(.*)$/.exec(word);
    if (long || (short && /^[aAdefNTuxw]*$/.test(short[2] ?? ""))) {
      const inline = long ? long[1] : short?.[3];
      const format = inline || words[++at];
      if (format === undefined) throw psError("error: list of format specifiers must follow -o");
      formats.push(format);
      continue;
    }
    const letters = isUnix ? word.slice(1) : word;
    // What chooses processes, sorts them or widens lines changes no column.
    if (isUnix && /^[aAdew]*f[aAdefw]*$/.test(letters)) fallback = fullFormat;
    else if (isUnix && /^[aAdew]+$/.test(letters)) fallback ??= plainFormat;
    else if (/^[axw]+$/.test(letters)) fallback ??= bsdFormat;
    else if (/^[auxw]+$/.test(letters)) fallback = bsdUserFormat;
    else {
      throw psError(
        `error: unsupported option (${isUnix ? "UNIX" : word.startsWith("--") ? "GNU long" : "BSD"} syntax)`,
        "Mocker makes the list itself: it knows -e -f -A, a u x, and -o with a list of columns.",
      );
    }
  }
  const chosen = (formats.length > 0 ? formats : [fallback ?? fullFormat]).flatMap(readFormat);
  if (!chosen.some(({ title }) => title === "PID")) {
    throw new MockerError("INVALID_ARGUMENT", "Couldn't find PID field in ps output");
  }
  return chosen;
}

/** `pid,user=WHO`; a title that is named takes the rest of the text. */
function readFormat(format: string): Column[] {
  const chosen: Column[] = [];
  for (let rest = format; rest !== ""; ) {
    const [, name = "", equals, title = ""] = /^([^,=]*)(=?)([^,]*)/.exec(rest) ?? [];
    const column = byName.get(name.toLowerCase());
    if (!column) throw psError(`error: unknown user-defined format specifier "${name}"`);
    chosen.push(equals ? { ...column, title } : column);
    rest = rest.slice(name.length + (equals?.length ?? 0) + title.length + 1);
  }
  return chosen;
}

function psError(message: string, hint?: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", `ps: ${message}`, { hint });
}

/** The table of these processes, in the order of their pids, as ps shows it. */
export function processTable(
  chosen: readonly Column[],
  processes: readonly ProcessFacts[],
  machine: MachineFacts,
): ProcessTable {
  return {
    titles: chosen.map(({ title }) => title),
    rows: [...processes]
      .sort((a, b) => a.pid - b.pid)
      .map((process) => chosen.map(({ text }) => text(process, machine))),
  };
}
