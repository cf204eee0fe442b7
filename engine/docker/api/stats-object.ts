/** What a container uses, in the answers of Docker's API. */
import type { VmStats } from "../../protocol/vm.ts";

/** A sample, and when it was taken: RFC 3339. */
export interface Sample {
  stats: VmStats;
  time: string;
}

/** Go's zero time. */
const never = "0001-01-01T00:00:00Z";

/**
 * Of `GET /containers/{id}/stats`. Docker's clients count the share of the CPUs from two samples: the CPU
 * time of the container to that of all of its CPUs, in nanoseconds.
 * @param before undefined: nothing is known of an earlier one
 */
export function statsObject({ stats, time }: Sample, before: Sample | undefined): Record<string, unknown> {
  return {
    name: `/${stats.name}`,
    id: stats.id,
    read: time,
    preread: before?.time ?? never,
    pids_stats: stats.running ? { current: stats.pids } : {},
    num_procs: 0,
    storage_stats: {},
    blkio_stats: {
      io_service_bytes_recursive: stats.running
        ? [blocks("read", stats.blockReadBytes), blocks("write", stats.blockWrittenBytes)]
        : null,
      io_serviced_recursive: null,
      io_queue_recursive: null,
      io_service_time_recursive: null,
      io_wait_time_recursive: null,
      io_merged_recursive: null,
      io_time_recursive: null,
      sectors_recursive: null,
    },
    cpu_stats: cpuObject(stats),
    precpu_stats: cpuObject(before?.stats),
    memory_stats: stats.running
      ? { usage: stats.memoryUsedBytes, stats: { inactive_file: 0 }, limit: stats.memoryLimitBytes }
      : {},
    ...(stats.running ? { networks: { eth0: cardObject(stats) } } : {}),
  };
}

function blocks(op: string, value: number): Record<string, unknown> {
  return { major: 254, minor: 0, op, value };
}

function cpuObject(stats: VmStats | undefined): Record<string, unknown> {
  const ns = (ms: number): number => Math.round(ms * 1e6);
  return {
    cpu_usage: {
      total_usage: ns(stats?.cpuMs ?? 0),
      usage_in_kernelmode: 0,
      usage_in_usermode: ns(stats?.cpuMs ?? 0),
    },
    ...(stats?.running ? { system_cpu_usage: ns(stats.readAtMs * stats.cpus), online_cpus: stats.cpus } : {}),
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  };
}

/** All of its cards together. */
function cardObject(stats: VmStats): Record<string, number> {
  return {
    rx_bytes: stats.networkReceivedBytes,
    rx_packets: 0,
    rx_errors: 0,
    rx_dropped: 0,
    tx_bytes: stats.networkSentBytes,
    tx_packets: 0,
    tx_errors: 0,
    tx_dropped: 0,
  };
}
