// What a machine has changed of its image.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

namespace mocker {

/**
 * The changes in an overlay's upper directory, by Docker's rules (moby, pkg/archive/changes.go): a file is
 * changed when its mode, owner, size or time is another one, a directory when its mode or owner is, or
 * something in it was changed. What the agent itself makes at each start is left out. Works in the process's
 * current directory: for a process of its own.
 */
class Changes {
 public:
  /** Descriptors of the upper directory and of the image's. Throws SysError naming what cannot be read. */
  Changes(int upper, int image);

  /** Writes each as a letter, A, C or D, and an absolute path that a NUL ends, in the order of names. */
  void list(int out) const;

  /**
   * Writes them as an image's layer (image-spec layer.md): a tar archive in which an empty file `.wh.NAME`
   * says that NAME was removed. Files of such names are left out, as are sockets.
   */
  void archive(int out) const;

 private:
  /** A: added, C: changed, D: removed, =: as in the image, but for what is in it or how it got there. */
  struct Change {
    char kind;
    /** Without the slash at its beginning. */
    std::string path;
  };

  struct Found {
    bool listed = false;
    bool any = false;
  };

  Found directory(int upper, int image, bool isInOpaque, const std::string& path);
  Found entry(int upper, int image, bool isInOpaque, const std::string& name, const std::string& path);
  Found removed(const std::string& path);

  int upper_;
  std::vector<Change> changes_;
};

}  // namespace mocker
