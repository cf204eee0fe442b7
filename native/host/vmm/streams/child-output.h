// What the VM's process prints: libkrun's messages, or the guest kernel's console.
#pragma once

#include <cstdint>
#include <string>

#include "common/fd.h"
#include "common/loop.h"

namespace mocker {

/**
 * Copies a pipe into a file, within bounds: a hostile guest can make its console and libkrun's error messages
 * endless. Read by the monitor and not by a thread of the VM, because the last lines before a death are the
 * ones that matter.
 */
class ChildOutput {
 public:
  enum class WhenFull {
    stop,    // the file is somebody else's too: say so once, then drop
    restart  // the file is ours: empty it and go on, so that the end is kept
  };

  /** @param notable only lines that contain it are candidates for lastLine(); empty: all */
  ChildOutput(Loop& loop, Fd pipe, Fd file, uint64_t maxBytes, WhenFull whenFull, std::string notable = {});
  ~ChildOutput();
  ChildOutput(const ChildOutput&) = delete;
  ChildOutput& operator=(const ChildOutput&) = delete;

  /** Takes what is in the pipe now; for when its writer is dead. */
  void drain();

  /** The last complete notable line, without control characters, at most 1 KiB of it. */
  const std::string& lastLine() const { return lastLine_; }

 private:
  /** False when there is nothing more to read, now or ever. */
  bool readSome();
  void keep(const char* bytes, size_t size);

  Loop& loop_;
  Fd pipe_;
  Fd file_;
  const uint64_t maxBytes_;
  const WhenFull whenFull_;
  uint64_t written_ = 0;
  bool full_ = false;
  const std::string notable_;
  std::string line_;
  std::string lastLine_;
};

}  // namespace mocker
