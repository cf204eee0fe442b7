// The machine's root file system as a tar archive.
#pragma once

#include <sys/stat.h>

#include <map>
#include <stdexcept>
#include <string>
#include <utility>

namespace mocker {

/**
 * A descriptor of the root mount on its own: what is mounted below it (/proc, /dev, volumes) is not seen,
 * only the directories that it is mounted on. Linux 5.2. Throws SysError.
 */
int openRootAlone();

class NoSuchPath : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/**
 * Writes a directory's tree as a POSIX tar archive (ustar with PAX records for what that cannot say), in the
 * order of names: hard links as such, devices, owners, times to the nanosecond, and extended attributes as
 * SCHILY.xattr. Sockets are left out, as tar does. Works in the process's current directory: for a process of
 * its own.
 */
class TreeArchive {
 public:
  explicit TreeArchive(int out) : out_(out) {}

  /** Throws SysError naming the file that cannot be read. */
  void write(int root);

  /**
   * Writes what `path` names in the tree, called `name`, and what is below it. Links on the way are followed
   * inside of the tree, the last part with `followLast`; a path that ends with a slash names a directory.
   * Throws NoSuchPath before anything is written.
   */
  void writePath(int root, const std::string& path, const std::string& name, bool followLast);

  /** Writes `name` in the current directory, of which `status` is known, as `path`; not what is below it. */
  void entry(const char* name, const std::string& path, const struct stat& status);

  /** Writes an empty file of root's that nobody else may read, as old as `status` says. */
  void mark(const std::string& path, const struct stat& status);

  /** Nothing more is written. */
  void end();

 private:
  void directory(int fd, const std::string& path);
  void header(const std::string& path, const struct stat& status, char type, const std::string& link,
              const std::map<std::string, std::string>& records);
  void put(const char* bytes, size_t length);
  void pad(off_t size);
  void flush();

  int out_;
  std::string buffer_;
  /** Files with several names, by device and inode: the first one. */
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

}  // namespace mocker
