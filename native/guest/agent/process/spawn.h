// Starts one process of the workload.
#pragma once

#include <sys/types.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/fd.h"
#include "guest/agent/machine.h"
#include "rlimits.h"

namespace mocker {

struct SpawnRequest {
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string cwd = "/";
  /** Create `cwd` when it is missing (the main process) or fail (an exec). */
  bool createCwd = false;
  std::string user;
  bool tty = false;
  unsigned short rows = 24;
  unsigned short cols = 80;
  /** False: standard input is /dev/null. */
  bool stdinOpen = false;
  /** True: all of standard input, output and error are /dev/null. */
  bool detach = false;
  /**
   * Instead of a program: nothing, until it is ended. The main process of a machine that is only looked at.
   */
  bool idle = false;
  /** Instead of a program: what the arguments say of the machine's files, see FileTask. */
  bool isFileTask = false;
  /** No program may give it, or what it starts, more rights than it has. */
  bool noNewPrivileges = false;
  std::vector<ResourceLimit> rlimits;
};

/** Our ends, all non-blocking. With a terminal only `terminal`, without one the pipes that were asked for. */
struct Spawned {
  pid_t pid = -1;
  /** Ends when the program has been executed; before, why it was not: see {@link startFailure}. */
  Fd report;
  Fd in, out, err;
  Fd terminal;
};

/** Why a process did not start: a code of the agent's protocol and Docker's words. */
class SpawnError : public std::runtime_error {
 public:
  SpawnError(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }
  /** Docker's exit code for it: 127, 126 or 125. */
  int exitCode() const;

 private:
  std::string code_;
};

/**
 * Runs `request` as a child in its own session with default signal dispositions. The child looks for its
 * user, directory and program by itself, on file systems that may never answer: `report` tells how that went.
 * Throws SpawnError.
 */
Spawned spawn(const SpawnRequest& request, const Machine& machine);

/** What the whole text of a report says; nothing when the program has been executed. */
std::optional<SpawnError> startFailure(const std::string& report);

}  // namespace mocker
