#include "host/os/remove-tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/fd.h"
#include "common/sys-error.h"
#include "namespace-root.h"

namespace mocker {
namespace {

constexpr int maxAttempts = 1000;

bool isMissing(int error) { return error == ENOENT; }
bool isDirectoryError(int error) { return error == EISDIR || error == EPERM; }

std::vector<std::string> namesIn(int directory) {
  std::vector<std::string> names;
  Fd again(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* entries = again ? ::fdopendir(again.get()) : nullptr;
  if (!entries) throwErrno("cannot read a directory");
  again.release();
  while (const dirent* entry = ::readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(entries);
  return names;
}

/**
 * Empties a directory however deep it is, by descriptors and with few of them: what is not empty in one of
 * its directories is moved up into it. What cannot be removed is left, with all that can be gone.
 */
class Emptier {
 public:
  explicit Emptier(const std::string& path) : path_(path), top_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) {
    if (!top_) throwErrno(path);
    ::fchmod(top_.get(), 0700);
  }

  void run() {
    for (bool more = true; more;) {
      more = false;
      for (const auto& name : namesIn(top_.get())) {
        if (left_.contains(name)) continue;
        more = true;
        if (!removed(top_.get(), name) && !emptied(name)) leave(name);
      }
    }
    if (!left_.empty()) throwErrno(path_ + "/" + *left_.begin(), error_);
  }

 private:
  /** A file or an empty directory. */
  static bool removed(int directory, const std::string& name) {
    if (::unlinkat(directory, name.c_str(), 0) == 0 || isMissing(errno)) return true;
    return isDirectoryError(errno) && ::unlinkat(directory, name.c_str(), AT_REMOVEDIR) == 0;
  }

  bool emptied(const std::string& name) {
    if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES) return false;
    ::fchmodat(top_.get(), name.c_str(), 0700, 0);
    const Fd child(::openat(top_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!child) return false;
    for (const auto& entry : namesIn(child.get())) {
      if (removed(child.get(), entry)) continue;
      if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES) return false;
      // A directory that moves is written to itself: its ".." is another.
      ::fchmodat(child.get(), entry.c_str(), 0700, 0);
      if (!movedUp(child.get(), entry)) return false;
    }
    return ::unlinkat(top_.get(), name.c_str(), AT_REMOVEDIR) == 0;
  }

  bool movedUp(int directory, const std::string& name) {
    do {
      const std::string free = ".up-" + std::to_string(moved_++);
      if (::renameat2(directory, name.c_str(), top_.get(), free.c_str(), RENAME_NOREPLACE) == 0) return true;
    } while (errno == EEXIST);
    return false;
  }

  void leave(const std::string& name) {
    if (left_.empty()) error_ = errno;
    left_.insert(name);
  }

  std::string path_;
  Fd top_;
  uint64_t moved_ = 0;
  std::set<std::string> left_;
  int error_ = 0;
};

void removeAll(const std::string& path) {
  for (int attempts = 1;; ++attempts) {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (!error) return;
    // What another remover takes before us is no failure: Node's rm goes on for a while after it has given
    // up.
    if (error == std::errc::no_such_file_or_directory && attempts < maxAttempts) continue;
    // It has a descriptor for each level.
    Emptier(path).run();
    if (::rmdir(path.c_str()) == 0) return;
    if (errno != ENOENT) throwErrno(path);
    return;
  }
}

}  // namespace

void removeTree(const std::string& path) {
  asNamespaceRoot("cannot remove " + path, [&] { removeAll(path); });
}

}  // namespace mocker
