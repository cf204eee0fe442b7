// Copying what a simulated VM has written.
#pragma once

#include <string>

namespace mocker {

/**
 * Copies a file or a directory with everything in it, as cp --archive does, to a name that is not there yet;
 * for ordinary users as the root of a user namespace with their subordinate ids, see removeTree. Throws
 * std::exception; what cp says is on stderr.
 */
void copyTree(const std::string& from, const std::string& to);

}  // namespace mocker
