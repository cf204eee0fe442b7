// The monitor's records in the VM's state directory: runtime.json and exit.json.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/json.h"
#include "host/vmm/spec.h"

namespace mocker {

/** How a VM, or an exec in it, ended. */
struct ExitRecord {
  int exitCode = 0;
  std::optional<int> signal;
  /** "exited", "start-failed", "vm-died" or "boot-failed". */
  std::string reason = "exited";
  std::string message;

  /** What a guest says of it, brought into bounds and made anew. */
  static ExitRecord fromGuest(const Json& exit);

  /** The exit frame for attached clients. */
  Json frame() const;
};

/** Names processes, and so is not made to outlive them. */
void writeRuntimeRecord(const VmSpec& spec, pid_t child, const std::string& startedAt);

/** Makes sure that the exit can be recorded, however full the disk will be then. */
void reserveExitRecord(const VmSpec& spec);

/** The text of exit.json, as the engine is told it, too. */
Json exitRecord(const ExitRecord& exit, const std::string& startedAt);
void writeExitRecord(const VmSpec& spec, const Json& record);

}  // namespace mocker
