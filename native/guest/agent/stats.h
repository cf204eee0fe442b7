// What the machine uses.
#pragma once

#include "common/json.h"
#include "machine.h"

namespace mocker {

/**
 * Of the whole guest, or of the simulation's processes: `memoryUsedBytes`, `processes` and `threads` now;
 * since its start `cpuUs`, `networkReceivedBytes`, `networkSentBytes`, `blockReadBytes` and
 * `blockWrittenBytes`.
 */
Json readStats(const Machine& machine);

}  // namespace mocker
