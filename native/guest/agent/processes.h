// The machine's processes, as its /proc has them (proc(5)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "machine.h"

namespace mocker {

/** Of /proc/PID/stat. Ticks are hundredths of a second. */
struct ProcessStat {
  pid_t pid = 0;
  std::string name;
  char state = '?';
  pid_t parent = 0, group = 0, session = 0;
  /** The controlling terminal's device number; 0: none. */
  int terminal = 0;
  uint64_t userTicks = 0, systemTicks = 0;
  /** Of children that have ended and were waited for, and of theirs. */
  uint64_t childTicks = 0;
  int64_t priority = 0, nice = 0, threads = 0;
  /** Since the kernel started. */
  uint64_t startTicks = 0;
  uint64_t virtualBytes = 0;
  uint64_t residentPages = 0;
};

/** The text of /proc/NAME of the machine, at most 16 KiB of it; empty when it cannot be read. */
std::string readProc(const Machine& machine, const std::string& name);

/** Calls `take` with each process but the kernel's; the agent is one of them. */
void eachProcess(const Machine& machine, const std::function<void(const ProcessStat&)>& take);

/** Those that a signal has stopped. */
std::set<pid_t> stoppedProcesses(const Machine& machine);

/**
 * Writes what ps(1) shows of the workload's processes to `out`, a JSON object on each line: first one of the
 * machine, `{nowMs, bootMs, memoryBytes}`, then one of each process but the agent and the caller. Throws
 * SysError.
 */
void writeProcessList(const Machine& machine, int out);

}  // namespace mocker
