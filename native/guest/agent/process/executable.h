// Finds a program as Go's exec.LookPath does, which is whose words Docker's users know.
#pragma once

#include <string>
#include <vector>

namespace mocker {

/**
 * The path to execute for `name`, looked up in the PATH of `env`. Throws SpawnError NOT_FOUND or
 * NOT_EXECUTABLE.
 */
std::string findExecutable(const std::string& name, const std::vector<std::string>& env);

}  // namespace mocker
