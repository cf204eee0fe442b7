// The one child of a monitor: the VM, or the simulation's PID 1.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <vector>

#include "common/fd.h"
#include "host/os/cgroup.h"
#include "host/vmm/spec.h"

namespace mocker {

/** The exit status of a child that could not enter its VM; the reason is on stderr. */
constexpr int exitVmNotEntered = 70;

/** The same, because the host would not let it be jailed. */
constexpr int exitJailRefused = 71;

struct Child {
  pid_t pid = -1;
  /** The simulation's control connection; a guest dials in by itself. */
  Fd control;
  /**
   * A VM's standard error and its kernel's console: read ends of pipes, non-blocking, to be read all its
   * life.
   */
  Fd errors;
  Fd console;
  /**
   * The read end of a pipe, non-blocking, that brings the layers of the VM's jail (jail-report.h) as JSON and
   * ends then.
   */
  Fd jail;
  /**
   * The other ends of the simulation's cards, in their order: taps, which the monitor joins to the networks.
   */
  std::vector<Fd> taps;
};

/**
 * Starts the runtime that `spec` asks for. The child dies with this process. `openFiles` is the limit on open
 * files that the workload gets. `cards` are the connections of the VM's cards, in their order; a krun VM
 * takes them with it. `cgroup` gets the child before it does anything. Throws std::runtime_error with what
 * was refused.
 */
Child launchChild(const VmSpec& spec, const rlimit& openFiles, const std::vector<Fd>& cards, Cgroup& cgroup);

}  // namespace mocker
