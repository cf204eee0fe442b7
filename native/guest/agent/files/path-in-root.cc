#include "path-in-root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <vector>

#include "common/sys-error.h"

namespace mocker {
namespace {

/** What Linux follows before it says ELOOP. */
constexpr int maxLinks = 40;

std::deque<std::string> split(const std::string& path) {
  std::deque<std::string> parts;
  for (size_t at = 0; at < path.size();) {
    size_t end = path.find('/', at);
    if (end == std::string::npos) end = path.size();
    if (end > at && path.compare(at, end - at, ".") != 0) parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string path;
  for (const auto& part : parts) path += "/" + part;
  return path.empty() ? "/" : path;
}

bool asksForDirectory(const std::string& path) {
  return path.empty() || path.back() == '/' || path == "." || path == ".." ||
         (path.size() > 1 && path.compare(path.size() - 2, 2, "/.") == 0) ||
         (path.size() > 2 && path.compare(path.size() - 3, 3, "/..") == 0);
}

std::string linkText(int link, const std::string& path) {
  char text[4096];
  const ssize_t length = ::readlinkat(link, "", text, sizeof text);
  if (length <= 0) throwErrno(path, length == 0 ? ENOENT : errno);
  return std::string(text, static_cast<size_t>(length));
}

}  // namespace

std::string resolveInRoot(int root, const std::string& path, bool followLast) {
  std::vector<std::string> resolved;
  std::deque<std::string> rest = split(path);
  for (int links = 0; !rest.empty();) {
    const std::string name = rest.front();
    rest.pop_front();
    if (name == "..") {
      if (!resolved.empty()) resolved.pop_back();
      continue;
    }
    resolved.push_back(name);
    if (rest.empty() && !followLast) break;
    const Fd there = openResolved(root, joined(resolved), O_PATH | O_NOFOLLOW);
    struct stat status {};
    if (!there || ::fstat(there.get(), &status) != 0 || !S_ISLNK(status.st_mode)) continue;
    if (++links > maxLinks) throwErrno(path, ELOOP);
    const std::string target = linkText(there.get(), path);
    resolved.pop_back();
    if (target[0] == '/') resolved.clear();
    const std::deque<std::string> inner = split(target);
    rest.insert(rest.begin(), inner.begin(), inner.end());
  }
  return joined(resolved);
}

Fd openResolved(int root, const std::string& path, int flags) {
  struct open_how how {};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

PathStat statInRoot(int root, const std::string& path) {
  const bool isDirectory = asksForDirectory(path);
  const std::string place = resolveInRoot(root, path, isDirectory);
  const Fd there = openResolved(root, place, O_PATH | O_NOFOLLOW | (isDirectory ? O_DIRECTORY : 0));
  struct stat status {};
  if (!there || ::fstat(there.get(), &status) != 0) throwErrno(path);
  PathStat found{status.st_mode, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec, ""};
  if (S_ISLNK(status.st_mode)) found.target = resolveInRoot(root, place, true);
  return found;
}

}  // namespace mocker
