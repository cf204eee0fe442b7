#include "tar-extract.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <vector>

#include "common/fd.h"
#include "common/file.h"
#include "common/sys-error.h"
#include "path-in-root.h"
#include "guest/agent/rootfs/root-tree.h"
#include "tree-archive.h"
#include "guest/agent/rootfs/volume-fill.h"

namespace mocker {
namespace {

constexpr size_t blockBytes = 512;
constexpr size_t bufferBytes = 256 * 1024;
constexpr size_t maxRecordBytes = 2 * 1024 * 1024;
const std::string attributePrefix = "SCHILY.xattr.";

struct Entry {
  char type = 0;
  std::string name;
  std::string link;
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  unsigned long long size = 0;
  timespec modified{};
  dev_t device = 0;
  std::map<std::string, std::string> attributes;
};

/** Reads the archive, entry by entry; all of an entry's contents are read before the next one. */
class TarInput {
 public:
  explicit TarInput(int in) : in_(in), buffer_(bufferBytes, '\0') {}

  /** False at the end mark. */
  bool next(Entry& entry) {
    std::map<std::string, std::string> records;
    for (;;) {
      char block[blockBytes];
      readFully(block, sizeof block);
      if (std::all_of(block, block + sizeof block, [](char byte) { return byte == 0; })) return false;
      entry = headerOf(block);
      if (entry.type != 'x') break;
      records = readRecords(entry.size);
    }
    for (const auto& [key, value] : records) apply(entry, key, value);
    left_ = entry.type == '0' ? entry.size : 0;
    padding_ = (blockBytes - left_ % blockBytes) % blockBytes;
    return true;
  }

  /** The next piece of the entry's contents; empty at their end. */
  std::string_view piece() {
    const size_t wanted = static_cast<size_t>(std::min<unsigned long long>(left_, bufferBytes));
    if (wanted == 0) {
      char rest[blockBytes];
      readFully(rest, padding_);
      padding_ = 0;
      return {};
    }
    const size_t got = readSome(buffer_.data(), wanted);
    left_ -= got;
    return std::string_view(buffer_).substr(0, got);
  }

 private:
  size_t readSome(char* to, size_t bytes) {
    for (;;) {
      const ssize_t got = ::read(in_, to, bytes);
      if (got > 0) return static_cast<size_t>(got);
      if (got == 0) throw std::runtime_error("unexpected EOF");
      if (errno != EINTR) throwErrno("cannot read the archive");
    }
  }

  void readFully(char* to, size_t bytes) {
    for (size_t filled = 0; filled < bytes;) filled += readSome(to + filled, bytes - filled);
  }

  static unsigned long long octal(const char* field, size_t width) {
    unsigned long long value = 0;
    for (size_t at = 0; at < width && field[at] >= '0' && field[at] <= '7'; ++at) value = value * 8 + static_cast<unsigned>(field[at] - '0');
    return value;
  }

  static std::string text(const char* field, size_t width) { return std::string(field, ::strnlen(field, width)); }

  static Entry headerOf(const char* block) {
    Entry entry;
    entry.type = block[156];
    entry.name = text(block, 100);
    entry.link = text(block + 157, 100);
    entry.mode = static_cast<mode_t>(octal(block + 100, 8)) & 07777;
    entry.uid = static_cast<uid_t>(octal(block + 108, 8));
    entry.gid = static_cast<gid_t>(octal(block + 116, 8));
    entry.size = octal(block + 124, 12);
    entry.modified.tv_sec = static_cast<time_t>(octal(block + 136, 12));
    entry.device = makedev(octal(block + 329, 8), octal(block + 337, 8));
    return entry;
  }

  std::map<std::string, std::string> readRecords(unsigned long long size) {
    if (size > maxRecordBytes) throw std::runtime_error("the archive has a header that is too long");
    std::string payload(static_cast<size_t>((size + blockBytes - 1) / blockBytes * blockBytes), '\0');
    readFully(payload.data(), payload.size());
    payload.resize(static_cast<size_t>(size));
    std::map<std::string, std::string> records;
    for (size_t at = 0; at < payload.size();) {
      const size_t length = std::strtoull(payload.c_str() + at, nullptr, 10);
      const size_t space = payload.find(' ', at);
      const size_t equals = payload.find('=', at);
      if (length == 0 || length > payload.size() - at || space == std::string::npos || equals == std::string::npos ||
          space > equals || equals >= at + length) {
        throw std::runtime_error("the archive has a malformed header");
      }
      records[payload.substr(space + 1, equals - space - 1)] = payload.substr(equals + 1, at + length - equals - 2);
      at += length;
    }
    return records;
  }

  static void apply(Entry& entry, const std::string& key, const std::string& value) {
    if (key == "path") entry.name = value;
    if (key == "linkpath") entry.link = value;
    if (key == "size") entry.size = std::strtoull(value.c_str(), nullptr, 10);
    if (key == "uid") entry.uid = static_cast<uid_t>(std::strtoull(value.c_str(), nullptr, 10));
    if (key == "gid") entry.gid = static_cast<gid_t>(std::strtoull(value.c_str(), nullptr, 10));
    if (key == "mtime") entry.modified = timeOf(value);
    if (key.rfind(attributePrefix, 0) == 0) entry.attributes[key.substr(attributePrefix.size())] = value;
  }

  /** A decimal fraction; before the epoch, -1.75 is 2 seconds down and 250 ms up. */
  static timespec timeOf(const std::string& text) {
    timespec time{static_cast<time_t>(std::atoll(text.c_str())), 0};
    const size_t dot = text.find('.');
    if (dot == std::string::npos) return time;
    std::string fraction = text.substr(dot + 1, 9);
    fraction.resize(9, '0');
    time.tv_nsec = std::atol(fraction.c_str());
    if (text[0] == '-' && time.tv_nsec > 0) {
      time.tv_sec -= 1;
      time.tv_nsec = 1000000000 - time.tv_nsec;
    }
    return time;
  }

  int in_;
  std::string buffer_;
  unsigned long long left_ = 0;
  size_t padding_ = 0;
};

/** What a share, or an ordinary user's machine, cannot have, and is no reason to fail. */
bool isRefusal(int error) { return error == EPERM || error == EINVAL || error == EOVERFLOW || error == EOPNOTSUPP; }

class Extraction {
 public:
  Extraction(TarInput& input, int root, std::string directory, bool keepsKinds)
      : input_(input), tree_(Fd(::fcntl(root, F_DUPFD_CLOEXEC, 3))), directory_(std::move(directory)), keepsKinds_(keepsKinds) {}

  void run() {
    Entry entry;
    while (input_.next(entry)) {
      if (isTop(entry)) continue;
      make(entry);
    }
    // Inner directories first: a file that is made changes its directory's time.
    for (auto it = times_.rbegin(); it != times_.rend(); ++it) setTime(it->first, it->second);
  }

 private:
  /** The directory itself is there, and stays as it is. */
  static bool isTop(const Entry& entry) {
    return entry.type == '5' && entry.name.find_first_not_of("./") == std::string::npos;
  }

  struct Place {
    std::string path;
    std::string name;
  };

  /** Checks a name of the archive, and opens the directory that it is in as `parent_`. */
  Place enter(const std::string& name) {
    std::string clean = name;
    while (!clean.empty() && clean.back() == '/') clean.pop_back();
    if (clean.empty() || clean[0] == '/' || ("/" + clean + "/").find("/../") != std::string::npos) {
      throw std::runtime_error("\"" + name + "\" is outside of \"" + directory_ + "\"");
    }
    const size_t slash = clean.rfind('/');
    const std::string above = slash == std::string::npos ? "" : "/" + clean.substr(0, slash);
    const std::string base = directory_ == "/" ? "" : directory_;
    if (!parent_ || above != above_) {
      parent_ = openDirectory(base + above);
      above_ = above;
    }
    return {base + "/" + clean, slash == std::string::npos ? clean : clean.substr(slash + 1)};
  }

  Fd openDirectory(const std::string& path) {
    const std::string resolved = resolveInRoot(tree_.fd(), path, true);
    Fd fd = openResolved(tree_.fd(), resolved.empty() ? "/" : resolved, O_RDONLY | O_DIRECTORY);
    if (!fd && errno == ENOENT) fd = openMade(path);
    if (!fd) throwErrno(path);
    return fd;
  }

  Fd openMade(const std::string& path) {
    const Fd made = tree_.ensure(path, RootTree::Kind::directory);
    return Fd(::openat(made.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  void make(const Entry& entry) {
    if (entry.type == '1') {
      makeHardLink(entry);
      return;
    }
    const Place place = enter(entry.name);
    const bool isDirectory = entry.type == '5';
    makeRoom(place, isDirectory);
    const int parent = parent_.get();
    const char* name = place.name.c_str();
    switch (entry.type) {
      case '0':
        makeFile(entry, place);
        return;
      case '5': {
        if (::mkdirat(parent, name, 0700) != 0 && errno != EEXIST) throwErrno(place.path);
        const Fd made(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!made) throwErrno(place.path);
        finish(made.get(), entry, place.path);
        times_.emplace_back(entry.name, entry.modified);
        return;
      }
      case '2':
        if (::symlinkat(entry.link.c_str(), parent, name) != 0) throwErrno(place.path);
        own(entry, place);
        return;
      case '3':
      case '4':
      case '6': {
        const mode_t kind = entry.type == '3' ? S_IFCHR : entry.type == '4' ? S_IFBLK : S_IFIFO;
        if (::mknodat(parent, name, kind | 0600, entry.device) != 0) {
          if (isRefusal(errno)) return;
          throwErrno(place.path);
        }
        own(entry, place);
        if (::fchmodat(parent, name, entry.mode, 0) != 0 && !isRefusal(errno)) throwErrno(place.path);
        return;
      }
      default:
        throw std::runtime_error("the archive has an entry of an unknown kind: " + entry.name);
    }
  }

  /** Removes what is in the way, but a directory of a directory. */
  void makeRoom(const Place& place, bool isDirectory) {
    struct stat there {};
    if (::fstatat(parent_.get(), place.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return;
      throwErrno(place.path);
    }
    const bool wasDirectory = S_ISDIR(there.st_mode);
    if (wasDirectory && isDirectory) return;
    if (keepsKinds_ && wasDirectory) {
      throw std::runtime_error("cannot overwrite directory \"" + place.path + "\" with non-directory \"" + directory_ + "\"");
    }
    if (keepsKinds_ && isDirectory) {
      throw std::runtime_error("cannot overwrite non-directory \"" + place.path + "\" with directory \"" + directory_ + "\"");
    }
    removeEntry(parent_.get(), place.name, place.path);
  }

  void makeFile(const Entry& entry, const Place& place) {
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const Fd file(::openat(parent_.get(), place.name.c_str(), flags, 0600));
    if (!file) throwErrno("open " + place.path);
    for (auto piece = input_.piece(); !piece.empty(); piece = input_.piece()) {
      if (!writeFully(file.get(), piece)) throwErrno("write " + place.path);
    }
    finish(file.get(), entry, place.path);
    const timespec times[2] = {entry.modified, entry.modified};
    ::futimens(file.get(), times);
  }

  /** Its other name is one of the archive's, too. */
  void makeHardLink(const Entry& entry) {
    const Place source = enter(entry.link);
    const Fd from(::fcntl(parent_.get(), F_DUPFD_CLOEXEC, 3));
    const Place place = enter(entry.name);
    if (place.path == source.path) return;
    makeRoom(place, false);
    if (::linkat(from.get(), source.name.c_str(), parent_.get(), place.name.c_str(), 0) != 0) throwErrno("link " + place.path);
  }

  /** The owner before the mode, whose set-id bits it would clear, and before the capabilities. */
  static void finish(int fd, const Entry& entry, const std::string& path) {
    if (::fchown(fd, entry.uid, entry.gid) != 0 && !isRefusal(errno)) throwErrno("chown " + path);
    if (::fchmod(fd, entry.mode) != 0 && !isRefusal(errno)) throwErrno("chmod " + path);
    for (const auto& [name, value] : entry.attributes) {
      if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0 && !isRefusal(errno)) throwErrno("setxattr " + path);
    }
  }

  /** Owner and time of what is not opened. */
  void own(const Entry& entry, const Place& place) {
    const char* name = place.name.c_str();
    if (::fchownat(parent_.get(), name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0 && !isRefusal(errno)) {
      throwErrno("chown " + place.path);
    }
    const timespec times[2] = {entry.modified, entry.modified};
    ::utimensat(parent_.get(), name, times, AT_SYMLINK_NOFOLLOW);
  }

  void setTime(const std::string& name, const timespec& modified) {
    const Place place = enter(name);
    const timespec times[2] = {modified, modified};
    ::utimensat(parent_.get(), place.name.c_str(), times, AT_SYMLINK_NOFOLLOW);
  }

  TarInput& input_;
  RootTree tree_;
  std::string directory_;
  bool keepsKinds_;
  /** The directory of the last entry, and which one of the archive's that is. */
  Fd parent_;
  std::string above_;
  std::vector<std::pair<std::string, timespec>> times_;
};

}  // namespace

void extractTar(int in, int root, const ExtractRequest& request) {
  const std::string directory = resolveInRoot(root, request.directory, true);
  struct stat status {};
  const Fd there = openResolved(root, directory, O_PATH);
  if (!there || ::fstat(there.get(), &status) != 0) {
    if (errno == ENOTDIR) throw std::runtime_error("extraction point is not a directory");
    throw NoSuchPath(errnoWords(errno));
  }
  if (!S_ISDIR(status.st_mode)) throw std::runtime_error("extraction point is not a directory");
  TarInput input(in);
  Extraction(input, root, directory, request.keepsKinds).run();
}

}  // namespace mocker
