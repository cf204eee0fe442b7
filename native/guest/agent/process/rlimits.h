// Resource limits by name, as `--ulimit` and OCI write them.
#pragma once

#include <sys/resource.h>

#include <vector>

#include "common/json.h"

namespace mocker {

struct ResourceLimit {
  int resource;
  rlimit value;
};

/**
 * Reads `[{"name":"nofile"|"RLIMIT_NOFILE","soft":n,"hard":n}…]`; -1 is unlimited. Throws std::runtime_error.
 */
std::vector<ResourceLimit> parseLimits(const Json& limits);

}  // namespace mocker
