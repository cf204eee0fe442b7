// Paths inside a root file system that is not trusted: an image's symbolic link must lead nowhere but into
// the image.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "common/fd.h"

namespace mocker {

class RootTree {
 public:
  /** `root` is an O_PATH descriptor of the root's top directory. */
  explicit RootTree(Fd root) : root_(std::move(root)) {}

  int fd() const { return root_.get(); }

  enum class Kind { directory, file };

  /**
   * An O_PATH descriptor of `path`, seen as if `root` were `/`. What is missing is created: directories
   * (0755), and for Kind::file an empty file at the end (0644). Symbolic links, dangling ones too, are
   * followed inside the root. Throws SysError, or std::runtime_error when what is there is of the other kind.
   */
  Fd ensure(const std::string& path, Kind kind) const;

  /**
   * Replaces the file at `path` by `text`. Anything but a regular file there (a link, a FIFO) is removed
   * first.
   */
  void writeFile(const std::string& path, std::string_view text) const;

 private:
  Fd walk(const std::string& path, Kind kind) const;

  Fd root_;
};

}  // namespace mocker
