// What of a VM's jail this host allows, found out by trying.
#pragma once

#include <string>

#include "common/json.h"

namespace mocker {

/**
 * Jails a process of its own as a VM's would be, over `directory`, which stays as it is.
 * @returns `layers`, as a VM's monitor reports them, `problem` where a VM would be refused, and
 *   `ownIdsProblem` where the users of root's simulated VMs can have no ids of their own
 */
Json probeJail(const std::string& directory);

}  // namespace mocker
