// Settings of the guest's kernel that a VM is started with.
#pragma once

#include <cstdint>

#include "common/json.h"
#include "machine.h"

namespace mocker {

/**
 * Writes each member of `sysctls` in `params` to the setting that it names. Throws std::runtime_error that
 * names the setting.
 */
void applySettings(const Json& params, const Machine& machine);

/** Lets the workload have this many threads, execs included; not positive: as many as the kernel allows. */
void limitThreads(int64_t most, const Machine& machine);

}  // namespace mocker
