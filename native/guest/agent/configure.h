// Turns a booted agent into the machine that the engine asked for.
#pragma once

#include "common/json.h"
#include "machine.h"

namespace mocker {

/**
 * Applies the `params` of configure, once; afterwards `/` is the workload's root. Throws std::runtime_error.
 */
void configure(const Json& params, Machine& machine);

}  // namespace mocker
