// A tar archive as files.
#pragma once

#include <string>

namespace mocker {

struct ExtractRequest {
  /** As the workload sees it; links in it are followed. */
  std::string directory;
  /** A directory is not replaced by what is none, nor what is none by a directory. */
  bool keepsKinds = false;
};

/**
 * Makes files of an archive as the engine writes it (tar-writer.ts): ustar with PAX records for path,
 * linkpath, size, uid, gid, mtime and SCHILY.xattr.*, its names clean and relative. By Docker's rules (moby,
 * pkg/archive): what is there is replaced, but a directory by a directory, which keeps what else is in it.
 * `root` is the descriptor of the root directory, out of which no link leads. What a file system refuses to
 * give (an owner that its user namespace does not have, a device, an attribute) is left out. Throws
 * NoSuchPath where there is no such directory; std::runtime_error, with the path that could not be made.
 */
void extractTar(int in, int root, const ExtractRequest& request);

}  // namespace mocker
