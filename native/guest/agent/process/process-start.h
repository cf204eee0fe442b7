// A process of the workload between its fork and its program.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/loop.h"
#include "spawn.h"

namespace mocker {

/**
 * Waits for a child's report, in the loop and not for ever: the child may be looking for its directory or
 * program on a file system that does not answer.
 */
class ProcessStart {
 public:
  /** `failure` is empty when the program has been executed. May destroy the caller. */
  using Done = std::function<void(std::optional<SpawnError> failure)>;

  /** A child that has not executed its program after `timeoutMs` is killed. */
  ProcessStart(Loop& loop, Spawned process, int64_t timeoutMs, Done done);
  ~ProcessStart();
  ProcessStart(const ProcessStart&) = delete;
  ProcessStart& operator=(const ProcessStart&) = delete;

  pid_t pid() const { return process_.pid; }
  /** The process, once it was said to run. */
  Spawned take() { return std::move(process_); }

 private:
  void read();
  void finish(std::optional<SpawnError> failure);

  Loop& loop_;
  Spawned process_;
  Done done_;
  Loop::Timer timer_;
  std::string report_;
};

}  // namespace mocker
