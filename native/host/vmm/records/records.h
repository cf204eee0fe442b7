// The monitor's records in the VM's state directory: runtime.json and exit.json.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/json.h"
#include "host/vmm/spec.h"

namespace mocker {

/** How a VM ended. */
struct ExitRecord {
  int exitCode = 0;
  std::optional<int> signal;
  /** "exited", "start-failed", "vm-died" or "boot-failed". */
  std::string reason = "exited";
  std::string message;

  /** The exit frame for attached clients. */
  Json frame() const;
};

/** Names processes, and so is not made to outlive them. */
void writeRuntimeRecord(const std::string& stateDir, pid_t child, const std::string& startedAt);
void writeExitRecord(const VmSpec& spec, const ExitRecord& record, const std::string& startedAt);

}  // namespace mocker
