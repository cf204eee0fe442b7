// What the agent is asked to start, as its requests say it.
#pragma once

#include <stdexcept>
#include <string>

#include "common/json.h"
#include "spawn.h"

namespace mocker {

/** A request that cannot be done: a code of the agent's protocol and words. */
class RequestError : public std::runtime_error {
 public:
  RequestError(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

/**
 * Reads the `params` of `start` (`isMain`) or `exec`. Throws RequestError, or std::runtime_error for resource
 * limits that are none.
 */
SpawnRequest parseProcessRequest(const Json& params, bool isMain);

/** The size of a terminal in the `params` of a request. */
unsigned short terminalRows(const Json& params);
unsigned short terminalColumns(const Json& params);

}  // namespace mocker
