// The workload's root file system: a read-only lower tree and a writable upper one, joined by overlayfs.
#pragma once

#include <string>

#include "common/json.h"
#include "guest/agent/machine.h"

namespace mocker {

/**
 * Mounts what `rootfs` (see configure) asks for and returns the directory it is mounted on. Keeps the
 * descriptors of the writable disk, the image and what was changed of it in `machine`. Throws
 * std::runtime_error with what was refused.
 */
std::string mountRoot(const Json& rootfs, Machine& machine);

/** Makes `mountPoint` the root of this mount namespace and drops everything else from it. */
void switchRoot(const std::string& mountPoint);

}  // namespace mocker
