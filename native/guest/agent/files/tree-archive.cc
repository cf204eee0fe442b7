#include "tree-archive.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "common/fd.h"
#include "common/file.h"
#include "common/sys-error.h"
#include "directory.h"

namespace mocker {
namespace {

constexpr size_t blockBytes = 512;
constexpr size_t bufferBytes = 256 * 1024;
/** What the octal fields of a ustar header hold. */
constexpr off_t maxSize = 077777777777;
constexpr unsigned maxId = 07777777;
/** What Linux follows before it says ELOOP. */
constexpr int maxLinks = 40;

using Records = std::map<std::string, std::string>;

void octal(char* field, size_t width, unsigned long long value) {
  for (size_t at = width - 1; at-- > 0; value >>= 3) field[at] = static_cast<char>('0' + (value & 7));
}

/** `length key=value\n`, where the length counts itself (POSIX pax). */
std::string record(const std::string& key, const std::string& value) {
  const size_t rest = key.size() + value.size() + 3;
  size_t length = rest + std::to_string(rest).size();
  if (std::to_string(length).size() != std::to_string(rest).size()) length = rest + std::to_string(length).size();
  return std::to_string(length) + " " + key + "=" + value + "\n";
}

std::string readLink(const char* name, const std::string& path, off_t size) {
  std::string target(static_cast<size_t>(std::max<off_t>(size, 256)) + 1, '\0');
  for (;;) {
    const ssize_t length = ::readlink(name, target.data(), target.size());
    if (length < 0) throwErrno(path);
    if (static_cast<size_t>(length) < target.size()) return target.substr(0, static_cast<size_t>(length));
    target.resize(target.size() * 2);
  }
}

/** Attributes that mean something elsewhere too: not the file system's own, nor what labels this machine. */
bool travels(const std::string& name) {
  return name.rfind("system.", 0) != 0 && name != "security.selinux" && name.rfind("trusted.overlay.", 0) != 0 &&
         name.rfind("user.overlay.", 0) != 0;
}

void addAttributes(const char* name, Records& records) {
  std::string names(65536, '\0');
  const ssize_t total = ::llistxattr(name, names.data(), names.size());
  // A file system without them has none.
  if (total <= 0) return;
  for (size_t at = 0; at < static_cast<size_t>(total);) {
    const std::string attribute(names.c_str() + at);
    at += attribute.size() + 1;
    if (!travels(attribute)) continue;
    std::string value(65536, '\0');
    const ssize_t length = ::lgetxattr(name, attribute.c_str(), value.data(), value.size());
    if (length >= 0) records["SCHILY.xattr." + attribute] = value.substr(0, static_cast<size_t>(length));
  }
}

/** A directory by its path in the tree of `root`, which no link leads out of (Linux 5.6). */
Fd openWithin(int root, const std::string& path) {
  struct open_how how {};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  Fd fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
  if (!fd && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG)) {
    throw NoSuchPath(errnoWords(errno));
  }
  if (!fd) throwErrno(path);
  return fd;
}

}  // namespace

int openRootAlone() {
  const long fd = ::syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (fd < 0) throwErrno("cannot look at the root file system alone");
  // A descriptor that can be read, not only named.
  const int root = ::openat(static_cast<int>(fd), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int error = errno;
  // The mount lives as long as a descriptor of it does.
  if (root < 0) throwErrno("cannot open the root file system", error);
  return root;
}

void TreeArchive::write(int root) {
  directory(root, "");
  end();
}

void TreeArchive::writePath(int root, const std::string& path, const std::string& name, bool followLast) {
  std::string wanted = path;
  for (int links = 0;; ++links) {
    const size_t slash = wanted.rfind('/');
    const std::string parent = slash == std::string::npos ? "." : wanted.substr(0, slash + 1);
    const std::string last = slash == std::string::npos ? wanted : wanted.substr(slash + 1);
    const bool isWhole = last.empty() || last == "." || last == "..";
    const Fd directoryFd = openWithin(root, isWhole ? wanted : parent);
    if (::fchdir(directoryFd.get()) != 0) throwErrno(path);
    const std::string entryName = isWhole ? "." : last;
    struct stat status {};
    if (::lstat(entryName.c_str(), &status) != 0) throw NoSuchPath(errnoWords(errno));
    if (S_ISLNK(status.st_mode) && followLast) {
      if (links == maxLinks) throw NoSuchPath(errnoWords(ELOOP));
      const std::string target = readLink(last.c_str(), path, status.st_size);
      wanted = !target.empty() && target[0] == '/' ? target : parent + (slash == std::string::npos ? "/" : "") + target;
      continue;
    }
    if (S_ISSOCK(status.st_mode)) throw NoSuchPath("it is a socket");
    entry(entryName.c_str(), name, status);
    if (S_ISDIR(status.st_mode)) {
      const Fd child(::open(entryName.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!child) throwErrno(path);
      directory(child.get(), name + "/");
    }
    end();
    return;
  }
}

void TreeArchive::end() {
  const std::string end(2 * blockBytes, '\0');
  put(end.data(), end.size());
  flush();
}

void TreeArchive::directory(int fd, const std::string& path) {
  for (const auto& name : namesIn(fd, path)) {
    if (::fchdir(fd) != 0) throwErrno(path.empty() ? "/" : path);
    struct stat status {};
    const std::string full = path + name;
    if (::lstat(name.c_str(), &status) != 0) {
      // Removed since the directory was read: the machine goes on running.
      if (errno == ENOENT) continue;
      throwErrno(full);
    }
    if (S_ISSOCK(status.st_mode)) continue;
    entry(name.c_str(), full, status);
    if (!S_ISDIR(status.st_mode)) continue;
    const Fd child(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!child) {
      if (errno == ENOENT || errno == ENOTDIR) continue;
      throwErrno(full);
    }
    directory(child.get(), full + "/");
  }
}

void TreeArchive::entry(const char* name, const std::string& path, const struct stat& status) {
  Records records;
  addAttributes(name, records);
  if (S_ISDIR(status.st_mode)) {
    header(path + "/", status, '5', "", records);
    return;
  }
  if (status.st_nlink > 1) {
    const auto [first, isNew] = links_.try_emplace({status.st_dev, status.st_ino}, path);
    if (!isNew) {
      header(path, status, '1', first->second, {});
      return;
    }
  }
  if (S_ISLNK(status.st_mode)) {
    header(path, status, '2', readLink(name, path, status.st_size), records);
  } else if (S_ISREG(status.st_mode)) {
    // Opened first: an entry whose contents cannot follow must not be begun.
    Fd file(::open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file) {
      if (errno == ENOENT || errno == ELOOP) return;
      throwErrno(path);
    }
    header(path, status, '0', "", records);
    off_t left = status.st_size;
    std::string piece(bufferBytes, '\0');
    while (left > 0) {
      const ssize_t got = ::read(file.get(), piece.data(), static_cast<size_t>(std::min<off_t>(left, bufferBytes)));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throwErrno(path);
      if (got == 0) break;
      put(piece.data(), static_cast<size_t>(got));
      left -= got;
    }
    // It became shorter: the header has promised the rest.
    std::fill(piece.begin(), piece.end(), '\0');
    for (; left > 0; left -= static_cast<off_t>(std::min<off_t>(left, bufferBytes))) {
      put(piece.data(), static_cast<size_t>(std::min<off_t>(left, bufferBytes)));
    }
    pad(status.st_size);
  } else {
    header(path, status, S_ISCHR(status.st_mode) ? '3' : S_ISBLK(status.st_mode) ? '4' : '6', "", records);
  }
}

void TreeArchive::mark(const std::string& path, const struct stat& status) {
  struct stat empty {};
  empty.st_mode = S_IFREG | 0600;
  empty.st_mtim = status.st_mtim;
  header(path, empty, '0', "", {});
}

void TreeArchive::header(const std::string& path, const struct stat& status, char type, const std::string& link,
                         const Records& given) {
  Records records = given;
  const bool hasContents = type == '0';
  const off_t size = hasContents ? status.st_size : 0;
  if (path.size() > 100) records["path"] = path;
  if (link.size() > 100) records["linkpath"] = link;
  if (size > maxSize) records["size"] = std::to_string(size);
  if (status.st_uid > maxId) records["uid"] = std::to_string(status.st_uid);
  if (status.st_gid > maxId) records["gid"] = std::to_string(status.st_gid);
  const bool wholeSeconds = status.st_mtim.tv_nsec == 0;
  if (!wholeSeconds || status.st_mtim.tv_sec < 0) {
    // As a decimal fraction: before the epoch, -1.75 is 2 seconds down and 250 ms up.
    const bool down = status.st_mtim.tv_sec < 0 && !wholeSeconds;
    const long long seconds = status.st_mtim.tv_sec + (down ? 1 : 0);
    const long nanoseconds = down ? 1000000000 - status.st_mtim.tv_nsec : status.st_mtim.tv_nsec;
    std::string fraction = std::to_string(nanoseconds);
    fraction.insert(0, 9 - fraction.size(), '0');
    records["mtime"] = (down && seconds == 0 ? "-0" : std::to_string(seconds)) + (wholeSeconds ? "" : "." + fraction);
  }
  const auto block = [&](const std::string& name, char kind, off_t bytes) {
    char head[blockBytes] = {};
    std::memcpy(head, name.data(), std::min<size_t>(name.size(), 100));
    octal(head + 100, 8, status.st_mode & 07777);
    octal(head + 108, 8, std::min<unsigned>(status.st_uid, maxId));
    octal(head + 116, 8, std::min<unsigned>(status.st_gid, maxId));
    octal(head + 124, 12, static_cast<unsigned long long>(std::min(bytes, maxSize)));
    octal(head + 136, 12, static_cast<unsigned long long>(std::max<time_t>(status.st_mtim.tv_sec, 0)));
    std::memset(head + 148, ' ', 8);
    head[156] = kind;
    if (kind == type) std::memcpy(head + 157, link.data(), std::min<size_t>(link.size(), 100));
    std::memcpy(head + 257, "ustar\00000", 8);
    if (kind == '3' || kind == '4') {
      octal(head + 329, 8, major(status.st_rdev));
      octal(head + 337, 8, minor(status.st_rdev));
    }
    unsigned sum = 0;
    for (const char byte : head) sum += static_cast<unsigned char>(byte);
    octal(head + 148, 7, sum);
    head[154] = '\0';
    put(head, sizeof head);
  };
  if (!records.empty()) {
    std::string text;
    for (const auto& [key, value] : records) text += record(key, value);
    block("PaxHeaders/" + path.substr(path.size() > 80 ? path.size() - 80 : 0), 'x', static_cast<off_t>(text.size()));
    put(text.data(), text.size());
    pad(static_cast<off_t>(text.size()));
  }
  block(path, type, size);
}

void TreeArchive::put(const char* bytes, size_t length) {
  buffer_.append(bytes, length);
  if (buffer_.size() >= bufferBytes) flush();
}

void TreeArchive::pad(off_t size) {
  static constexpr char zeros[blockBytes] = {};
  const size_t over = static_cast<size_t>(size) % blockBytes;
  if (over > 0) put(zeros, blockBytes - over);
}

void TreeArchive::flush() {
  if (!writeFully(out_, buffer_)) throwErrno("cannot write the archive");
  buffer_.clear();
}

}  // namespace mocker
