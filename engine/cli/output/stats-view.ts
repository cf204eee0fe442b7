import { binarySize, humanSize } from "../../docker/sizes.ts";
import type { StatsRow } from "../../docker/usage/stats.ts";
import type { VmStats } from "../../protocol/index.ts";
import type { ListView } from "./list-format.ts";
import { shortId } from "./table.ts";

/** One VM in the table of `stats`. */
export interface StatsEntry {
  /** As its user calls it. */
  container: string;
  id: string | undefined;
  name: string | undefined;
  /** Undefined: nothing is known. */
  now: VmStats | undefined;
  row: StatsRow | undefined;
}

const unknown = "--";

/** Docker's columns (cli/command/container/formatter_stats.go), and what is Mocker's own. */
export function statsView(truncate: boolean): ListView<StatsEntry> {
  return {
    typeName: "*container.statsContext",
    defaultTable:
      "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
    headers: {
      Container: "CONTAINER",
      ID: "CONTAINER ID",
      Name: "NAME",
      CPUPerc: "CPU %",
      MemUsage: "MEM USAGE / LIMIT",
      MemPerc: "MEM %",
      NetIO: "NET I/O",
      BlockIO: "BLOCK I/O",
      PIDs: "PIDS",
      HostMemUsage: "HOST MEM USAGE",
    },
    row: ({ container, id, name, now, row }) => ({
      Container: container,
      get ID() {
        if (id === undefined) return unknown;
        return truncate ? shortId(id) : id;
      },
      Name: name ?? unknown,
      get CPUPerc() {
        return row ? percent(row.cpuPercent) : unknown;
      },
      get MemUsage() {
        if (!now) return `${unknown} / ${unknown}`;
        return `${binarySize(now.memoryUsedBytes)} / ${binarySize(now.memoryLimitBytes)}`;
      },
      get MemPerc() {
        return row ? percent(row.memoryPercent) : unknown;
      },
      get NetIO() {
        return now ? transfer(now.networkReceivedBytes, now.networkSentBytes) : unknown;
      },
      get BlockIO() {
        return now ? transfer(now.blockReadBytes, now.blockWrittenBytes) : unknown;
      },
      get PIDs() {
        return now ? String(now.pids) : unknown;
      },
      get HostMemUsage() {
        return now ? binarySize(now.hostMemoryBytes) : unknown;
      },
    }),
  };
}

function percent(value: number): string {
  return `${value.toFixed(2)}%`;
}

function transfer(inBytes: number, outBytes: number): string {
  return `${humanSize(inBytes)} / ${humanSize(outBytes)}`;
}
