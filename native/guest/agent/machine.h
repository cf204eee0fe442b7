// What the agent keeps of the configured machine: descriptors that the workload cannot replace under it.
#pragma once

#include <string>
#include <vector>

#include "common/fd.h"
#include "process/id-map.h"

namespace mocker {

struct Machine {
  bool simulation = false;
  bool configured = false;
  /** Nothing that was written in here is wanted after the main process's end. */
  bool disposable = false;
  /** The machine's own /proc, its devpts and /dev/null. */
  Fd proc;
  Fd devPts;
  Fd devNull;
  /**
   * The image's root directory, and the one that has what was changed of it: an overlay's lower and upper
   * one.
   */
  Fd image;
  Fd changes;
  /** krun: the mounted disks that can be written; to be made read-only before power goes. */
  std::vector<Fd> writableDisks;
  /** simulation: which users and groups exist in our user namespace. */
  IdMap uids = IdMap::all();
  IdMap gids = IdMap::all();
};

}  // namespace mocker
