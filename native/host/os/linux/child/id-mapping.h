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
 * Maps `child`'s 0 to the calling user and its 1… to the user's subordinate ids, by newuidmap and newgidmap.
 * False, with nothing mapped or the groups alone, where these or the ranges are missing. Throws SysError.
 */
bool mapSubordinateIds(pid_t child);

/** Maps the calling user and group to themselves, and nobody else. Throws SysError. */
void mapOwnIds(pid_t child);

/** For root: maps every user and group of ours to itself. Throws SysError. */
void mapHostIds(pid_t child);

/**
 * Fills the maps of `child`'s user namespace: 0 is the calling user, 1… are the user's subordinate ids when
 * newuidmap, newgidmap and ranges are there; else 0 is all there is. Throws SysError.
 */
void writeIdMaps(pid_t child);

}  // namespace mocker
