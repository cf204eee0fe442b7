#include "volume-fill.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "common/fd.h"
#include "common/file.h"
#include "common/sys-error.h"
#include "guest/agent/files/directory.h"

namespace mocker {
namespace {

constexpr size_t bufferBytes = 1 << 20;

/** What a share, or an ordinary user's, cannot have, and is no reason not to start. */
bool isRefusal(int error) { return error == EPERM || error == EINVAL || error == EOVERFLOW || error == EOPNOTSUPP; }

/** The file system's own, and what labels this machine. */
bool travels(const std::string& attribute) {
  return attribute.rfind("trusted.overlay.", 0) != 0 && attribute.rfind("user.overlay.", 0) != 0 &&
         attribute != "security.selinux";
}

void copyAttributes(int from, int to, const std::string& path) {
  std::string names(65536, '\0');
  const ssize_t total = ::flistxattr(from, names.data(), names.size());
  for (ssize_t at = 0; at < total;) {
    const std::string attribute(names.c_str() + at);
    at += static_cast<ssize_t>(attribute.size()) + 1;
    if (!travels(attribute)) continue;
    std::string value(65536, '\0');
    const ssize_t length = ::fgetxattr(from, attribute.c_str(), value.data(), value.size());
    if (length < 0) continue;
    if (::fsetxattr(to, attribute.c_str(), value.data(), static_cast<size_t>(length), 0) != 0 && !isRefusal(errno)) {
      throwErrno(path);
    }
  }
}

class Copier {
 public:
  explicit Copier(int top) : top_(top), buffer_(bufferBytes, '\0') {}

  /** The contents, then the attributes, which writing into it would change. */
  void directory(int from, int to, const std::string& path) {
    for (const auto& name : namesIn(from, path)) entry(from, to, name, path.empty() ? name : path + "/" + name);
    struct stat status {};
    if (::fstat(from, &status) != 0) throwErrno(path);
    finish(from, to, status, path);
  }

 private:
  void entry(int from, int to, const std::string& name, const std::string& path) {
    struct stat status {};
    if (::fstatat(from, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) throwErrno(path);
    if (S_ISDIR(status.st_mode)) {
      if (::mkdirat(to, name.c_str(), 0700) != 0) throwErrno(path);
      const Fd source(openExisting(from, name, O_RDONLY | O_DIRECTORY, path));
      const Fd target(openExisting(to, name, O_RDONLY | O_DIRECTORY, path));
      directory(source.get(), target.get(), path);
      return;
    }
    if (status.st_nlink > 1 && !links_.emplace(std::pair(status.st_dev, status.st_ino), path).second) {
      const auto& first = links_.at({status.st_dev, status.st_ino});
      if (::linkat(top_, first.c_str(), to, name.c_str(), 0) != 0) throwErrno(path);
      return;
    }
    if (S_ISREG(status.st_mode)) {
      file(from, to, name, status, path);
    } else if (S_ISLNK(status.st_mode)) {
      symbolicLink(from, to, name, status, path);
    } else {
      special(to, name, status, path);
    }
  }

  void file(int from, int to, const std::string& name, const struct stat& status, const std::string& path) {
    const Fd source(openExisting(from, name, O_RDONLY, path));
    const Fd target(::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!target) throwErrno(path);
    for (;;) {
      const ssize_t got = ::read(source.get(), buffer_.data(), buffer_.size());
      if (got < 0) throwErrno(path);
      if (got == 0) break;
      if (!writeFully(target.get(), std::string_view(buffer_).substr(0, static_cast<size_t>(got)))) throwErrno(path);
    }
    finish(source.get(), target.get(), status, path);
  }

  void symbolicLink(int from, int to, const std::string& name, const struct stat& status, const std::string& path) {
    char target[4096];
    const ssize_t length = ::readlinkat(from, name.c_str(), target, sizeof target - 1);
    if (length < 0) throwErrno(path);
    target[length] = '\0';
    if (::symlinkat(target, to, name.c_str()) != 0) throwErrno(path);
    own(to, name, status, path);
  }

  void special(int to, const std::string& name, const struct stat& status, const std::string& path) {
    if (::mknodat(to, name.c_str(), status.st_mode, status.st_rdev) != 0) {
      if (isRefusal(errno)) return;
      throwErrno(path);
    }
    own(to, name, status, path);
    if (::fchmodat(to, name.c_str(), status.st_mode & 07777, 0) != 0) throwErrno(path);
  }

  /** Owner and times of what is not opened. */
  void own(int to, const std::string& name, const struct stat& status, const std::string& path) {
    if (::fchownat(to, name.c_str(), status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) != 0 && !isRefusal(errno)) {
      throwErrno(path);
    }
    const timespec times[2] = {status.st_atim, status.st_mtim};
    ::utimensat(to, name.c_str(), times, AT_SYMLINK_NOFOLLOW);
  }

  /** The owner before the mode, whose set-id bits it would clear, and before the capabilities. */
  void finish(int from, int to, const struct stat& status, const std::string& path) {
    if (::fchown(to, status.st_uid, status.st_gid) != 0 && !isRefusal(errno)) throwErrno(path);
    if (::fchmod(to, status.st_mode & 07777) != 0 && !isRefusal(errno)) throwErrno(path);
    copyAttributes(from, to, path);
    const timespec times[2] = {status.st_atim, status.st_mtim};
    ::futimens(to, times);
  }

  static int openExisting(int directory, const std::string& name, int flags, const std::string& path) {
    const int fd = ::openat(directory, name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) throwErrno(path);
    return fd;
  }

  int top_;
  std::string buffer_;
  /** Files with several names, by what they are: their first name in the volume. */
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

}  // namespace

void removeEntry(int directory, const std::string& name, const std::string& path) {
  if (::unlinkat(directory, name.c_str(), 0) == 0) return;
  if (errno != EISDIR && errno != EPERM) throwErrno(path);
  {
    const Fd inner(::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inner) throwErrno(path);
    for (const auto& below : namesIn(inner.get(), path)) removeEntry(inner.get(), below, path + "/" + below);
  }
  if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) != 0) throwErrno(path);
}

bool isEmptyDirectory(int directory) {
  for (const auto& name : namesIn(directory, ".")) {
    if (name != "lost+found") return false;
  }
  return true;
}

void emptyDirectory(int directory) {
  for (const auto& name : namesIn(directory, ".")) {
    if (name != "lost+found") removeEntry(directory, name, name);
  }
}

void copyDirectory(int from, int to) { Copier(to).directory(from, to, ""); }

}  // namespace mocker
