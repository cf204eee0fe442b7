// mocker-agent: the init of a Mocker machine, a guest's or the simulation's.

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "common/file.h"
#include "agent.h"

namespace {

constexpr int controlFd = 3;

bool isSimulation() {
  const char* wanted = std::getenv("MOCKER_AGENT_SIMULATION");
  struct stat status {};
  return wanted && std::strcmp(wanted, "1") == 0 && ::fstat(controlFd, &status) == 0 && S_ISSOCK(status.st_mode);
}

/** A guest without a console starts us without 0, 1 and 2; nothing of ours may end up there. */
void occupyStdio() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/", O_RDONLY | O_DIRECTORY) < 0) return;
  }
}

/**
 * Blocked rather than ignored: a blocked mask is reset in children, and SIGCHLD is read from a descriptor.
 */
void blockSignals() {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
}

mocker::IdMap readMap(const char* path) {
  mocker::Fd file(::open(path, O_RDONLY | O_CLOEXEC));
  return file ? mocker::IdMap::parse(mocker::readAll(file.get(), 65536)) : mocker::IdMap::all();
}

}  // namespace

int main() {
  const bool simulation = isSimulation();
  if (::getpid() != 1) {
    std::fputs("mocker-agent: is the init of a Mocker machine, not a command\n", stderr);
    return 64;
  }
  occupyStdio();
  // Not the engine's, which the simulation would inherit: what is made in here is for the workload's users,
  // too.
  ::umask(022);
  blockSignals();
  ::prctl(PR_SET_NAME, "mocker-agent");
  try {
    if (simulation) {
      ::fcntl(controlFd, F_SETFD, FD_CLOEXEC);
      mocker::Agent agent(mocker::inheritedTransport(mocker::Fd(controlFd)), readMap("/proc/self/uid_map"),
                          readMap("/proc/self/gid_map"));
      agent.run();
    }
    // Ctrl-Alt-Del, which the host can send, is not a way to end this machine.
    ::reboot(RB_DISABLE_CAD);
    mocker::Agent agent(mocker::vsockTransport());
    agent.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mocker-agent: %s\n", error.what());
    return 1;
  }
}
