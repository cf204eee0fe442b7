// What is in a directory.
#pragma once

#include <string>
#include <vector>

namespace mocker {

/** The names in an open directory, sorted. Throws SysError naming `path`. */
std::vector<std::string> namesIn(int fd, const std::string& path);

}  // namespace mocker
