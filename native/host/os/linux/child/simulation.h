// The simulation runtime: the agent as PID 1 of new Linux namespaces. Never isolation from the user who runs
// it.
#pragma once

#include "host/os/child.h"

namespace mocker {

/** See launchChild; the VM's cards become taps in its own network namespace. */
Child launchSimulation(const VmSpec& spec, const rlimit& openFiles, Cgroup& cgroup);

}  // namespace mocker
