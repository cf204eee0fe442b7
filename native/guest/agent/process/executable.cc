#include "executable.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/sys-error.h"
#include "spawn.h"

namespace mocker {
namespace {

constexpr const char* defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** 0, or the errno why the file cannot be executed. */
int check(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  return ::access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

}  // namespace

std::string findExecutable(const std::string& name, const std::vector<std::string>& env) {
  const std::string quoted = "exec: \"" + name + "\": ";
  if (name.find('/') != std::string::npos) {
    const int error = check(name);
    if (error == 0) return name;
    if (error == EISDIR || error == EACCES) {
      struct stat status {};
      const bool statFailed = error == EACCES && ::stat(name.c_str(), &status) != 0;
      throw SpawnError("NOT_EXECUTABLE", quoted + (statFailed ? "stat " + name + ": " : "") + errnoWords(error));
    }
    throw SpawnError(error == ENOENT ? "NOT_FOUND" : "NOT_EXECUTABLE", quoted + "stat " + name + ": " + errnoWords(error));
  }
  std::string path = defaultPath;
  for (const auto& variable : env) {
    if (variable.rfind("PATH=", 0) == 0) path = variable.substr(5);
  }
  if (!name.empty()) {
    size_t at = 0;
    while (at <= path.size()) {
      size_t end = path.find(':', at);
      if (end == std::string::npos) end = path.size();
      // An empty element would mean the working directory; Go refuses to run from there, too.
      if (end > at) {
        const std::string candidate = path.substr(at, end - at) + "/" + name;
        if (check(candidate) == 0) return candidate;
      }
      at = end + 1;
    }
  }
  throw SpawnError("NOT_FOUND", quoted + "executable file not found in $PATH");
}

}  // namespace mocker
