#include "host/os/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "common/sys-error.h"
#include "common/unix-socket.h"
#include "krun-child.h"
#include "simulation.h"

namespace mocker {
namespace {

struct Pipe {
  Fd reading;
  Fd writing;
};

Pipe makePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) throwErrno("pipe");
  Pipe pipe{Fd(fds[0]), Fd(fds[1])};
  setNonBlocking(pipe.reading.get());
  return pipe;
}

Child launchKrun(const VmSpec& spec, const std::vector<Fd>& cards) {
  const pid_t monitor = ::getpid();
  Pipe errors = makePipe();
  Pipe console;
  if (spec.krun->consolePath) console = makePipe();
  Child child;
  child.pid = ::fork();
  if (child.pid < 0) throwErrno("fork");
  if (child.pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != monitor) ::_exit(exitVmNotEntered);
    ::dup2(errors.writing.get(), STDOUT_FILENO);
    ::dup2(errors.writing.get(), STDERR_FILENO);
    // It closes what else it inherited: the lock above all must be free as soon as the monitor is gone.
    enterKrun(spec, console.writing.get(), cards);
  }
  child.errors = std::move(errors.reading);
  child.console = std::move(console.reading);
  return child;
}

}  // namespace

Child launchChild(const VmSpec& spec, const rlimit& openFiles, const std::vector<Fd>& cards) {
  return spec.runtime == Runtime::krun ? launchKrun(spec, cards) : launchSimulation(spec, openFiles);
}

}  // namespace mocker
