// The two ends of a pipe.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/sys-error.h"

namespace mocker {

struct Pipe {
  Fd reading;
  Fd writing;
};

/** Both ends are closed on exec. Throws SysError. */
inline Pipe makePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throwErrno("pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace mocker
