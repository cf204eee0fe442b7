// A new volume gets what the image has at its place, as in Docker.
#pragma once

#include <string>

namespace mocker {

/** What a directory has beside `lost+found`, which is a file system's own. Throws SysError. */
bool isEmptyDirectory(int directory);

/** Removes what `name` is in a directory, and all that is in it. Throws SysError naming `path`. */
void removeEntry(int directory, const std::string& name, const std::string& path);

/** Removes everything in a directory, which stays. Throws SysError. */
void emptyDirectory(int directory);

/**
 * Copies everything in the directory `from` into the empty directory `to`: owners, modes, times, extended
 * attributes, symbolic and hard links, pipes and sockets; `to` itself gets the owner, mode and times of
 * `from`. What the file system of `to` refuses to give (an owner that its user namespace does not have, a
 * device, an attribute) is left out. Both are descriptors that can be read. Throws SysError that names the
 * path in the volume.
 */
void copyDirectory(int from, int to);

}  // namespace mocker
