#include "namespace-root.h"

#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>

#include "common/fd.h"
#include "common/sys-error.h"
#include "host/os/linux/child/id-mapping.h"
#include "pipe.h"

namespace mocker {
namespace {

[[noreturn]] void runAsRoot(int go, const std::function<void()>& task) {
  char byte = 0;
  if (::read(go, &byte, 1) != 1) ::_exit(1);  // the parent is gone
  try {
    if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) throwErrno("cannot become the namespace's root");
    task();
    ::_exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mocker-vmm: %s\n", error.what());
    ::_exit(1);
  }
}

}  // namespace

void asNamespaceRoot(const std::string& failure, const std::function<void()>& task) {
  auto [read, write] = makePipe();
  const auto child = static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  // Where there are no user namespaces, there are no files of others either.
  if (child < 0) return task();
  if (child == 0) {
    write.reset();
    runAsRoot(read.get(), task);
  }
  read.reset();
  writeIdMaps(child);
  if (::write(write.get(), "g", 1) != 1) throwErrno("pipe");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throwErrno("waitpid");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error(failure);
}

}  // namespace mocker
