// Paths as the workload sees them: no link leads out of the root.
#pragma once

#include <string>

#include "common/fd.h"

namespace mocker {

/**
 * `path` seen from the directory `root` as if that were `/`, absolute and with all links followed, the last
 * one if `followLast`. What is not there is kept as it is written. Throws SysError: ELOOP.
 */
std::string resolveInRoot(int root, const std::string& path, bool followLast);

/**
 * openat2 of a path that {@link resolveInRoot} gave; no descriptor, with errno, where that is not possible.
 */
Fd openResolved(int root, const std::string& path, int flags);

/** What a path leads to, for Docker's `HEAD /containers/ID/archive`. */
struct PathStat {
  /** As lstat has it: of a link the link. */
  unsigned mode = 0;
  long long size = 0;
  long long seconds = 0;
  long nanoseconds = 0;
  /** Where a link leads: absolute. */
  std::string target;
};

/**
 * The last part of `path` is followed only where a slash, or a slash and a dot, is behind it. Throws
 * SysError.
 */
PathStat statInRoot(int root, const std::string& path);

}  // namespace mocker
