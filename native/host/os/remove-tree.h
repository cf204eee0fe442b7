// Removing what a simulated VM left behind.
#pragma once

#include <string>

namespace mocker {

/**
 * Removes a directory with everything in it, as the root of a user namespace with the caller's subordinate
 * ids: a simulated VM of an ordinary user leaves files and directories of those ids, which the user alone
 * cannot remove. Throws std::exception.
 */
void removeTree(const std::string& path);

}  // namespace mocker
