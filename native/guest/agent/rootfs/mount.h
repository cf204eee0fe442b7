// The descriptor-based mount calls (Linux 5.2+; mount_setattr 5.12+): no path of the workload's tree is
// walked twice.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/fd.h"

namespace mocker {

using MountOptions = std::vector<std::pair<std::string, std::string>>;

/**
 * A new, still detached mount. An option with an empty value is a flag. `attributes` are MOUNT_ATTR_*.
 * Throws SysError `cannot mount <type>…` with what the kernel said.
 */
Fd newMount(const char* type, const MountOptions& options, unsigned attributes);

/** A detached copy of the tree at `path` with its submounts (a bind mount). Throws SysError. */
Fd cloneTree(const std::string& path, bool readOnly);

/** Puts a detached mount on `target` (an O_PATH descriptor); `name` is for the message. Throws SysError. */
void attachMount(const Fd& mount, const Fd& target, const std::string& name);

}  // namespace mocker
