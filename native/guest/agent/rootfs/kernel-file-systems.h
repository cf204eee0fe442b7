// /proc, /sys, /dev and what belongs under them.
#pragma once

#include "guest/agent/machine.h"
#include "root-tree.h"

namespace mocker {

/**
 * Mounts them inside `root` and fills `machine`'s descriptors. In the simulation /dev has only harmless
 * nodes, and the host's kernel settings cannot be written. Throws std::runtime_error that names what the host
 * refused.
 */
void mountKernelFileSystems(const RootTree& root, Machine& machine, int64_t shmSizeBytes);

}  // namespace mocker
