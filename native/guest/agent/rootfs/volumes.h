// Volumes: shared directories, disks, binds and tmpfs that the user asked for.
#pragma once

#include "common/json.h"
#include "guest/agent/machine.h"
#include "root-tree.h"

namespace mocker {

/**
 * Mounts the `mounts` of configure inside `root`, in their order. Throws std::runtime_error naming the
 * target.
 */
void mountVolumes(const Json& mounts, const RootTree& root, Machine& machine);

}  // namespace mocker
