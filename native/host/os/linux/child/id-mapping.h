// The users and groups of a new user namespace.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

namespace mocker {

/** The first range `(start, count)` that the text of /etc/subuid or /etc/subgid gives to a user. */
std::optional<std::pair<unsigned, unsigned>> subordinateRange(const std::string& text, const std::string& name, uid_t uid);

/**
 * Fills the maps of `child`'s user namespace: 0 is the calling user, 1… are the user's subordinate ids when
 * newuidmap, newgidmap and ranges are there; else 0 is all there is. Throws SysError.
 */
void writeIdMaps(pid_t child);

}  // namespace mocker
