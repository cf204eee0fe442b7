#include "directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "common/sys-error.h"

namespace mocker {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

std::vector<std::string> namesIn(int fd, const std::string& path) {
  // Not a duplicate: that would share, and move, the place where `fd` is read.
  const int again = ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DIR, CloseDirectory> directory(again < 0 ? nullptr : ::fdopendir(again));
  if (!directory) throwErrno(path.empty() ? "/" : path);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) throwErrno(path.empty() ? "/" : path);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace mocker
