// Landlock (Linux 5.13): an unprivileged process gives up access to all files but some.
#pragma once

#include <string>
#include <vector>

namespace mocker {

/** A file or directory (with all below it) that stays accessible. */
struct LandlockRule {
  std::string path;
  bool readOnly = true;
  /** A device: its ioctls stay allowed. */
  bool device = false;
};

struct LandlockResult {
  bool entered = false;
  /** Abstract unix sockets of processes outside are out of reach (Linux 6.12). */
  bool scoped = false;
  /** `version 4`, or why not. */
  std::string description;
};

/**
 * Restricts this thread and its children for good; needs no_new_privs.
 * Where the kernel can, signals to processes outside and their abstract unix sockets are forbidden as well.
 * @param withoutNetwork  also forbids TCP
 * @param leastVersion    with an older Landlock than this, none is better
 * @throws SysError if a path cannot be opened
 */
LandlockResult enterLandlockDomain(const std::vector<LandlockRule>& rules, bool withoutNetwork, int leastVersion);

}  // namespace mocker
