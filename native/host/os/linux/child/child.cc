#include "host/os/child.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "common/file.h"
#include "common/sys-error.h"
#include "common/unix-socket.h"
#include "jailed-process.h"
#include "krun-child.h"
#include "pipe.h"
#include "simulation.h"

namespace mocker {
namespace {

Child launchKrun(const VmSpec& spec, const std::vector<Fd>& cards, Cgroup& cgroup) {
  Pipe errors = makePipe();
  Pipe jail = makePipe();
  Pipe ids = makePipe();
  Pipe console;
  if (spec.krun->consolePath) console = makePipe();
  Child child;
  GivenNamespaces given;
  child.pid = forkNamespaced(given);
  if (child.pid < 0) throwErrno("fork");
  if (child.pid == 0) {
    ::dup2(errors.writing.get(), STDOUT_FILENO);
    ::dup2(errors.writing.get(), STDERR_FILENO);
    // These would hide the monitor's death.
    jail.reading.reset();
    ids.writing.reset();
    // It closes what else it inherited: the lock above all must be free as soon as the monitor is gone.
    enterKrun(spec, {given, ids.reading.get(), jail.writing.get(), console.writing.get(), cards});
  }
  cgroup.take(child.pid);
  const char source = static_cast<char>(giveIds(child.pid, given));
  writeFully(ids.writing.get(), {&source, 1});
  for (const Fd* end : {&errors.reading, &console.reading, &jail.reading}) {
    if (*end) setNonBlocking(end->get());
  }
  child.errors = std::move(errors.reading);
  child.console = std::move(console.reading);
  child.jail = std::move(jail.reading);
  return child;
}

}  // namespace

Child launchChild(const VmSpec& spec, const rlimit& openFiles, const std::vector<Fd>& cards, Cgroup& cgroup) {
  return spec.runtime == Runtime::krun ? launchKrun(spec, cards, cgroup) : launchSimulation(spec, openFiles, cgroup);
}

}  // namespace mocker
