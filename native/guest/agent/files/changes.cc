#include "changes.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "common/fd.h"
#include "common/file.h"
#include "common/sys-error.h"
#include "directory.h"
#include "tree-archive.h"

namespace mocker {
namespace {

const std::string whiteoutPrefix = ".wh.";
constexpr size_t bufferBytes = 64 * 1024;

/** What is mounted there hides whatever lies below it. */
bool isMountPoint(const std::string& path) { return path == "dev" || path == "proc" || path == "sys"; }

/**
 * What the agent writes at each start (etc-files.cc). Docker mounts them, so that its changes have none of
 * them.
 */
bool isWrittenAtStart(const std::string& path) {
  return path == "etc/hostname" || path == "etc/hosts" || path == "etc/resolv.conf";
}

bool isWhiteout(const struct stat& status) { return S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0); }

/** Nothing of the image is seen in this directory. In a user namespace overlayfs has its marks in user.*. */
bool isOpaque(int directory) {
  for (const char* mark : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    char value = 0;
    if (::fgetxattr(directory, mark, &value, 1) == 1 && value == 'y') return true;
  }
  return false;
}

std::string capabilities(int directory, const std::string& name) {
  char value[64];
  if (::fchdir(directory) != 0) return {};
  const ssize_t length = ::lgetxattr(name.c_str(), "security.capability", value, sizeof value);
  return length > 0 ? std::string(value, static_cast<size_t>(length)) : std::string();
}

/** Some file systems and archives know whole seconds only. */
bool isSameTime(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && (a.tv_nsec == b.tv_nsec || a.tv_nsec == 0 || b.tv_nsec == 0);
}

bool isSame(const struct stat& a, const struct stat& b) {
  if (a.st_mode != b.st_mode || a.st_uid != b.st_uid || a.st_gid != b.st_gid) return false;
  if (S_ISDIR(a.st_mode)) return true;
  return a.st_rdev == b.st_rdev && a.st_size == b.st_size && isSameTime(a.st_mtim, b.st_mtim);
}

/**
 * Throws where a host's settings of overlayfs let it keep a part of the file, or what is in it, elsewhere.
 */
void requireWhole(int directory, const std::string& name, const std::string& path) {
  if (::fchdir(directory) != 0) throwErrno(path);
  for (const char* mark : {"trusted.overlay.redirect", "trusted.overlay.metacopy"}) {
    if (::lgetxattr(name.c_str(), mark, nullptr, 0) < 0) continue;
    throw std::runtime_error("/" + path + ": is kept in parts, as redirect_dir or metacopy is on for this host's overlayfs");
  }
}

Fd openDirectory(int parent, const std::string& name, const std::string& path) {
  Fd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) throwErrno(path);
  return fd;
}

/** The directory at `path` in the upper directory; nothing where it is there no more. */
Fd openParent(int upper, const std::string& path) {
  struct open_how how {};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, upper, path.empty() ? "." : path.c_str(), &how, sizeof how)));
}

}  // namespace

Changes::Changes(int upper, int image) : upper_(upper) { directory(upper, image, false, ""); }

/** `image` is -1 where the image has no such directory. What is in an opaque one has no marks of its own. */
Changes::Found Changes::directory(int upper, int image, bool isInOpaque, const std::string& path) {
  const bool hidesImage = isInOpaque || isOpaque(upper);
  Found found;
  const auto names = namesIn(upper, path);
  for (const auto& name : names) {
    const std::string full = path + name;
    if (isMountPoint(full) || isWrittenAtStart(full)) continue;
    const Found inner = entry(upper, image, hidesImage, name, full);
    found.listed = found.listed || inner.listed;
    found.any = found.any || inner.any;
  }
  if (image < 0 || !hidesImage) return found;
  for (const auto& name : namesIn(image, path)) {
    if (!std::binary_search(names.begin(), names.end(), name)) found = removed(path + name);
  }
  return found;
}

Changes::Found Changes::removed(const std::string& path) {
  changes_.push_back({'D', path});
  return {true, true};
}

Changes::Found Changes::entry(int upper, int image, bool isInOpaque, const std::string& name, const std::string& path) {
  struct stat now {};
  if (::fstatat(upper, name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) {
    // Removed since the directory was read.
    if (errno == ENOENT) return {};
    throwErrno(path);
  }
  struct stat before {};
  const bool wasThere = image >= 0 && ::fstatat(image, name.c_str(), &before, AT_SYMLINK_NOFOLLOW) == 0;
  if (isWhiteout(now)) return wasThere ? removed(path) : Found();
  // The agent makes it for its files where the image has none.
  const bool isOwn = path == "etc" && S_ISDIR(now.st_mode) && !wasThere;
  const bool isKept = isOwn || (wasThere && isSame(before, now) && capabilities(upper, name) == capabilities(image, name));
  requireWhole(upper, name, path);
  const size_t place = changes_.size();
  changes_.push_back({isKept ? '=' : wasThere ? 'C' : 'A', path});
  if (!S_ISDIR(now.st_mode)) return {!isKept, true};
  const Fd directoryNow = openDirectory(upper, name, path);
  const Fd directoryBefore = wasThere && S_ISDIR(before.st_mode) ? openDirectory(image, name, path) : Fd();
  const Found inner = directory(directoryNow.get(), directoryBefore.get(), isInOpaque, path + "/");
  if (isKept && !inner.any) {
    changes_.pop_back();
    return {};
  }
  if (isKept && inner.listed) changes_[place].kind = 'C';
  return {!isKept || inner.listed, true};
}

void Changes::list(int out) const {
  std::string text;
  for (const auto& [kind, path] : changes_) {
    if (kind != '=') text += std::string(1, kind) + "/" + path + '\0';
    if (text.size() < bufferBytes) continue;
    if (!writeFully(out, text)) throwErrno("cannot write the list of changes");
    text.clear();
  }
  if (!writeFully(out, text)) throwErrno("cannot write the list of changes");
}

void Changes::archive(int out) const {
  TreeArchive archive(out);
  std::string current = "/";
  Fd parent;
  for (const auto& [kind, path] : changes_) {
    const size_t slash = path.rfind('/');
    const std::string above = slash == std::string::npos ? "" : path.substr(0, slash);
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (name.rfind(whiteoutPrefix, 0) == 0) continue;
    if (above != current) {
      parent = openParent(upper_, above);
      current = above;
    }
    if (!parent || ::fchdir(parent.get()) != 0) continue;
    struct stat status {};
    if (kind == 'D') {
      // Of an opaque directory the image's files have no marks of their own.
      if (::lstat(name.c_str(), &status) != 0 && ::fstat(parent.get(), &status) != 0) throwErrno(path);
      archive.mark((above.empty() ? "" : above + "/") + whiteoutPrefix + name, status);
      continue;
    }
    if (::lstat(name.c_str(), &status) != 0) {
      if (errno == ENOENT) continue;
      throwErrno(path);
    }
    if (!S_ISSOCK(status.st_mode)) archive.entry(name.c_str(), path, status);
  }
  archive.end();
}

}  // namespace mocker
