// A process that may do with a user's subordinate ids what root may.
#pragma once

#include <functional>
#include <string>

namespace mocker {

/**
 * Runs `task` in a process that is the root of a user namespace with the caller's subordinate ids; where
 * there are no user namespaces, in this one. `failure` is the message if it fails; why, the process itself
 * has said on stderr. Throws std::exception.
 */
void asNamespaceRoot(const std::string& failure, const std::function<void()>& task);

}  // namespace mocker
