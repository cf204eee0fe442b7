// Signals of this process as events of a loop.
#pragma once

#include <initializer_list>
#include <string>

#include "common/fd.h"

namespace mocker {

class Signals {
 public:
  /** Of these, which every thread must have blocked. @throws SysError */
  explicit Signals(std::initializer_list<int> wanted);

  /** Readable while a signal waits. */
  int fd() const { return fd_.get(); }
  /** Takes a signal that waits; 0: there is none. Several of one number may have become one. */
  int next();

 private:
  Fd fd_;
};

/** `SIGKILL`; `SIG?` for a number without a name. */
std::string signalName(int signal);

}  // namespace mocker
