// Starting mocker-vmm, and watching and signalling processes without the races of bare process ids.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/fd.h"

namespace mocker {

/**
 * The start time in clock ticks since boot (Linux: field 22 of /proc/<pid>/stat). With the pid it names a
 * process for good.
 * @returns nothing if there is no such process (a zombie counts as none)
 */
std::optional<uint64_t> processStartTime(pid_t pid);

/**
 * A pidfd for the process, if the one that now has this pid began at `startTimeTicks`.
 * @returns an invalid fd if that process is gone
 */
Fd openProcess(pid_t pid, uint64_t startTimeTicks);

/** Sends `signal` to exactly that process. @returns false if it is gone. @throws SysError (EPERM, EINVAL) */
bool killProcess(pid_t pid, uint64_t startTimeTicks, int signal);

/** A pidfd for a child of this process, which pins its pid. @throws SysError */
Fd openChild(pid_t pid);

/** Kills a child of this process and waits for its end. */
void endChild(pid_t pid);

struct ExitStatus {
  std::optional<int> exitCode;
  std::optional<int> signal;
};

/**
 * After the pidfd became readable: reaps our own child and says how it ended; nothing for anybody else's
 * process.
 */
std::optional<ExitStatus> reapProcess(int pidfd);

/** Closes every descriptor from `first` on. */
void closeFrom(int first);

/**
 * Has the C library give memory that is free back to the system at once: for a process that lives long and
 * does little.
 */
void returnFreeMemory();

/**
 * Starts a program with an empty environment and default signals; its stdin is /dev/null, its descriptors
 * from 1 on are copies of `descriptors`, and it has no others.
 * @param argv its first is the absolute path of the program
 * @param ownSession in a session of its own
 * @throws SysError
 */
pid_t spawnProgram(const std::vector<std::string>& argv, const std::vector<int>& descriptors, bool ownSession);

struct SpawnOptions {
  /** argv[0] is the absolute path of the program. */
  std::vector<std::string> argv;
  /** stdout and stderr are appended to this file (mode 0600 if created). */
  std::string logPath;
};

/**
 * Starts a program detached: its own session, stdin from /dev/null, an empty environment (nothing of ours may
 * get into a process that shares a guest's security context), no inherited descriptors, default signals.
 * @throws SysError
 */
pid_t spawnDetached(const SpawnOptions& options);

}  // namespace mocker
