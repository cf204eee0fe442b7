#include "host/os/files.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/sys-error.h"

namespace mocker {

bool isFileLocked(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT) return false;
    throwErrno(path);
  }
  // A shared try-lock: two who only ask at the same time do not see each other.
  while (flock(fd.get(), LOCK_SH | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return true;
    if (errno != EINTR) throwErrno(path);
  }
  return false;
}

namespace {

void copyThroughMemory(int source, int destination, off_t from, off_t to, uint64_t length) {
  std::vector<char> buffer(std::min<uint64_t>(length, 1u << 20));
  while (length > 0) {
    const ssize_t got = pread(source, buffer.data(), std::min<uint64_t>(length, buffer.size()), from);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throwErrno("copy: read");
    if (got == 0) throw SysError("copy: the source ends too early", EIO);
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = pwrite(destination, buffer.data() + done, static_cast<size_t>(got - done), to + done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) throwErrno("copy: write");
      done += put;
    }
    from += got;
    to += got;
    length -= static_cast<uint64_t>(got);
  }
}

/** Copies bytes that are there: no holes. */
void copyBytes(int source, int destination, off_t sourceOffset, off_t destinationOffset, uint64_t length) {
  loff_t from = sourceOffset;
  loff_t to = destinationOffset;
  while (length > 0) {
    const ssize_t done = copy_file_range(source, &from, destination, &to, std::min<uint64_t>(length, 1u << 30), 0);
    if (done > 0) {
      length -= static_cast<uint64_t>(done);
    } else if (done == 0) {
      // The end of the source, or a file system (procfs, some FUSE) that says 0 for "cannot": reading tells.
      copyThroughMemory(source, destination, from, to, length);
      length = 0;
    } else if (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS || errno == EBADF) {
      copyThroughMemory(source, destination, from, to, length);
      length = 0;
    } else if (errno != EINTR) {
      throwErrno("copy");
    }
  }
}

/**
 * Whether `length` bytes of `source` are there and nothing of the destination is: then holes can stay holes.
 */
bool mayKeepHoles(int source, int destination, off_t sourceEnd, off_t destinationOffset) {
  struct stat from {};
  struct stat to {};
  return fstat(source, &from) == 0 && fstat(destination, &to) == 0 && S_ISREG(from.st_mode) &&
         S_ISREG(to.st_mode) && from.st_size >= sourceEnd && to.st_size <= destinationOffset;
}

}  // namespace

CopyMethod copyRange(int source, int destination, uint64_t sourceOffset, uint64_t destinationOffset,
                     uint64_t length) {
  if (length == 0) return CopyMethod::copied;
  file_clone_range range{};
  range.src_fd = source;
  range.src_offset = sourceOffset;
  range.src_length = length;
  range.dest_offset = destinationOffset;
  if (ioctl(destination, FICLONERANGE, &range) == 0) return CopyMethod::cloned;

  const auto begin = static_cast<off_t>(sourceOffset);
  const auto target = static_cast<off_t>(destinationOffset);
  const off_t end = begin + static_cast<off_t>(length);
  if (!mayKeepHoles(source, destination, end, target)) {
    copyBytes(source, destination, begin, target, length);
    return CopyMethod::copied;
  }
  off_t at = begin;
  while (at < end) {
    off_t data = lseek(source, at, SEEK_DATA);
    // ENXIO: nothing but a hole follows. Anything else: the file system does not tell.
    if (data < 0) data = errno == ENXIO ? end : at;
    if (data >= end) break;
    off_t hole = lseek(source, data, SEEK_HOLE);
    if (hole < 0 || hole > end) hole = end;
    copyBytes(source, destination, data, target + (data - begin), static_cast<uint64_t>(hole - data));
    at = hole;
  }
  // It ends in a hole, perhaps.
  if (at < end && ftruncate(destination, target + (end - begin)) != 0) throwErrno("copy");
  return CopyMethod::copied;
}

void setXattr(const std::string& path, const std::string& name, const void* value, size_t size) {
  if (lsetxattr(path.c_str(), name.c_str(), value, size, 0) != 0) throwErrno(path + ": " + name);
}

void makeNode(const std::string& path, mode_t mode, unsigned major, unsigned minor) {
  if (mknod(path.c_str(), mode, makedev(major, minor)) != 0) throwErrno(path);
}

}  // namespace mocker
