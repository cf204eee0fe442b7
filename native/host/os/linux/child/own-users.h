// Users of their own for the workloads of root's simulated VMs: ids that nobody on the host has, and mounts
// that show the host's files as theirs.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/fd.h"

namespace mocker {

/** `count` ids from `start` on, which are 0, 1, … inside. */
struct IdRange {
  unsigned start;
  unsigned count;
};

class OwnUsers {
 public:
  /**
   * root's subordinate ids, or a range that nothing else uses where it has none. Throws SysError where there
   * can be no user namespace with it.
   */
  OwnUsers();

  /** Fills the maps of `child`'s user namespace. Throws SysError. */
  void give(pid_t child) const;

  /**
   * A detached mount of a file, or of a directory with all below it, where what belongs to the host's users
   * 0, 1, … belongs to these. Throws SysError where the file system cannot do that.
   */
  Fd mapped(const std::string& path) const;

 private:
  IdRange uids_;
  IdRange gids_;
  Fd userNamespace_;
};

}  // namespace mocker
