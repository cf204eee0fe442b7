// What contains a process of a simulated workload, whose kernel is the host's: as Docker contains one.
#pragma once

#include <vector>

namespace mocker {

/**
 * Takes from this process, and from all that it will start, every capability but Docker's default ones. Those
 * that it may not take, having lost the right to, it has lost already.
 */
void limitCapabilities();

/** The same for these capabilities, by number. */
void dropCapabilities(const std::vector<unsigned>& capabilities);

/** For good, also for children. Throws SpawnError. */
void forbidNewPrivileges();

/**
 * Refuses the system calls that Docker's default profile refuses to a process with Docker's default
 * capabilities; needs forbidNewPrivileges. Throws SpawnError where the kernel has no seccomp.
 */
void filterSystemCalls();

}  // namespace mocker
