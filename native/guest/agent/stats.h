// What the machine uses.
#pragma once

#include "common/json.h"
#include "machine.h"

namespace mocker {

/** `{memoryUsedBytes, processes}`: of the whole guest, or of the simulation's processes. */
Json readStats(const Machine& machine);

}  // namespace mocker
