#include "root-tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <deque>
#include <stdexcept>
#include <vector>

#include "common/file.h"
#include "common/sys-error.h"

namespace mocker {
namespace {

/** openat2 confined to `root`; -1 with errno. */
int openInRoot(int root, const std::string& path, uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
}

std::deque<std::string> split(const std::string& path) {
  std::deque<std::string> parts;
  size_t at = 0;
  while (at < path.size()) {
    size_t end = path.find('/', at);
    if (end == std::string::npos) end = path.size();
    if (end > at && path.compare(at, end - at, ".") != 0) parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

void checkKind(int fd, const std::string& path, RootTree::Kind kind) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throwErrno(path);
  if (kind == RootTree::Kind::directory && !S_ISDIR(status.st_mode)) {
    throw std::runtime_error(path + ": is not a directory in the image, but the source is one");
  }
  if (kind == RootTree::Kind::file && S_ISDIR(status.st_mode)) {
    throw std::runtime_error(path + ": is a directory in the image, but the source is a file");
  }
}

}  // namespace

Fd RootTree::ensure(const std::string& path, Kind kind) const {
  Fd fd(openInRoot(root_.get(), path, O_PATH));
  if (!fd) {
    if (errno != ENOENT) throwErrno(path);
    fd = walk(path, kind);
  }
  checkKind(fd.get(), path, kind);
  return fd;
}

Fd RootTree::walk(const std::string& path, Kind kind) const {
  // Opens one component at a time, never following a link in the kernel; links are replaced by their text.
  std::vector<Fd> above;
  above.emplace_back(::fcntl(root_.get(), F_DUPFD_CLOEXEC, 3));
  std::deque<std::string> parts = split(path);
  int links = 0;
  while (!parts.empty()) {
    const std::string name = parts.front();
    parts.pop_front();
    const int parent = above.back().get();
    if (name == "..") {
      if (above.size() > 1) above.pop_back();
      continue;
    }
    Fd next(::openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno == ENOENT) {
      if (parts.empty() && kind == Kind::file) {
        Fd made(::openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
        if (!made) throwErrno("cannot create " + path);
      } else if (::mkdirat(parent, name.c_str(), 0755) != 0) {
        throwErrno("cannot create " + path);
      }
      next.reset(::openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    }
    if (!next) throwErrno(path);
    struct stat status {};
    if (::fstat(next.get(), &status) != 0) throwErrno(path);
    if (!S_ISLNK(status.st_mode)) {
      above.push_back(std::move(next));
      continue;
    }
    if (++links > 40) throwErrno(path, ELOOP);
    char target[4096];
    const ssize_t length = ::readlinkat(next.get(), "", target, sizeof target);
    if (length <= 0) throwErrno(path, length == 0 ? ENOENT : errno);
    if (target[0] == '/') above.erase(above.begin() + 1, above.end());
    std::deque<std::string> inner = split(std::string(target, static_cast<size_t>(length)));
    parts.insert(parts.begin(), inner.begin(), inner.end());
  }
  return std::move(above.back());
}

void RootTree::writeFile(const std::string& path, std::string_view text) const {
  const size_t slash = path.rfind('/');
  const Fd directory = ensure(path.substr(0, slash), Kind::directory);
  const std::string name = path.substr(slash + 1);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  Fd file(::openat(directory.get(), name.c_str(), flags, 0644));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    if (::unlinkat(directory.get(), name.c_str(), 0) != 0 && errno != ENOENT) throwErrno("cannot replace " + path);
    file.reset(::openat(directory.get(), name.c_str(), flags | O_EXCL, 0644));
  }
  if (!file || !writeFully(file.get(), text)) throwErrno("cannot write " + path);
}

}  // namespace mocker
