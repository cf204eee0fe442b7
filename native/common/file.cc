#include "file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <stdexcept>

#include "sys-error.h"

namespace mocker {

std::string readFile(const std::string& path, size_t maxBytes) {
  // O_NONBLOCK: a FIFO in the place of the file must not hang us.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) throwErrno(path);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throwErrno(path);
  if (!S_ISREG(status.st_mode)) throw std::runtime_error(path + ": is not a regular file");
  std::string text = readAll(fd.get(), maxBytes + 1);
  if (text.size() > maxBytes) throw std::runtime_error(path + ": is larger than " + std::to_string(maxBytes) + " bytes");
  return text;
}

std::string readAll(int fd, size_t maxBytes) {
  std::string text;
  char chunk[4096];
  while (text.size() < maxBytes) {
    const size_t want = std::min(sizeof chunk, maxBytes - text.size());
    const ssize_t got = ::read(fd, chunk, want);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(chunk, static_cast<size_t>(got));
  }
  return text;
}

namespace {

/** A rename is durable only with its directory. */
void syncDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throwErrno(directory);
  // EINVAL: a file system that syncs no directories.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) throwErrno(directory);
}

}  // namespace

void writeFileAtomic(const std::string& path, std::string_view text, Durability survives) {
  const std::string temporary = path + ".tmp";
  {
    Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) throwErrno(temporary);
    // Cut only afterwards: the blocks of a file that was reserved are there on a full disk, too.
    if (!writeFully(fd.get(), text)) throwErrno(temporary);
    if (::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0) throwErrno(temporary);
    if (survives == Durability::powerLoss && ::fsync(fd.get()) != 0) throwErrno(temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) throwErrno(path);
  if (survives == Durability::powerLoss) syncDirectoryOf(path);
}

void reserveForWriting(const std::string& path, size_t bytes) {
  const std::string temporary = path + ".tmp";
  const Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || !writeFully(fd.get(), std::string(bytes, ' ')) || ::fdatasync(fd.get()) != 0) throwErrno(temporary);
}

std::optional<Fd> tryLockFile(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) throwErrno(path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::nullopt;
    throwErrno(path);
  }
  return fd;
}

void makePrivateDirectories(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISDIR(status.st_mode)) throwErrno(path, ENOTDIR);
    if (status.st_uid != ::geteuid() && status.st_uid != 0) throwErrno(path, EPERM);
    return;
  }
  const size_t slash = path.rfind('/');
  if (errno != ENOENT || slash == std::string::npos || slash == 0) throwErrno(path);
  makePrivateDirectories(path.substr(0, slash));
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) throwErrno(path);
}

bool writeFully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

}  // namespace mocker
