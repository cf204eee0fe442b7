// The cgroup of a VM's own processes, which limits what they use of the host together.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/json.h"
#include "host/vmm/spec.h"

namespace mocker {

/** It is there as long as this object. A VM runs without where it cannot be had, and that is told. */
class Cgroup {
 public:
  /** Makes it, and sets its limits; nothing without `spec`. */
  explicit Cgroup(const std::optional<CgroupSpec>& spec);
  ~Cgroup();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  /** Moves a process into it. What that has used before counts elsewhere, what it starts from now on here. */
  void take(pid_t process);

  /** Whether the kernel has killed processes in it because they reached its limit of memory. */
  bool ranOutOfMemory() const;

  /** One of the VM's layers (jail-report.h), with the controllers that limit it; null without a spec. */
  Json layer() const;

 private:
  bool isWanted_ = false;
  bool isMade_ = false;
  std::string path_;
  std::vector<std::string> controllers_;
  /** Why there is none. */
  std::string problem_;
};

}  // namespace mocker
