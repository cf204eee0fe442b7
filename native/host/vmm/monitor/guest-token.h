// What tells the guest agent's connections from those of a workload, which can dial the same port.
#pragma once

#include <string>

#include "common/json.h"

namespace mocker {

/**
 * The agent makes a random token before any workload runs, keeps it in its memory alone, and says it in every
 * hello. The first control hello of a VM sets it.
 */
class GuestToken {
 public:
  /** Whether a guest's hello is the agent's. */
  bool admits(const Json& hello);

 private:
  std::string token_;
};

}  // namespace mocker
