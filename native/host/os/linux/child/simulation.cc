#include "simulation.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>

#include "common/file.h"
#include "common/sys-error.h"
#include "common/unix-socket.h"
#include "host/os/linux/child/id-mapping.h"
#include "host/os/tap.h"

namespace mocker {
namespace {

constexpr int agentControlFd = 3;

struct Ends {
  Fd read, write;
};

Ends makePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throwErrno("pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

/**
 * As fork, but into new namespaces, so that the child itself is PID 1 there and no process stands in between.
 */
pid_t cloneInto(unsigned long flags) {
  return static_cast<pid_t>(::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

pid_t cloneNamespaces(bool ownUserNamespace, bool ownNetwork) {
  unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
  if (ownUserNamespace) flags |= CLONE_NEWUSER;
  if (ownNetwork) flags |= CLONE_NEWNET;
  pid_t pid = cloneInto(flags | CLONE_NEWCGROUP);
  if (pid < 0 && (errno == EINVAL || errno == EPERM)) pid = cloneInto(flags);
  if (pid >= 0) return pid;
  const int error = errno;
  std::string why = "cannot create the simulation's namespaces";
  if (ownUserNamespace && (error == EPERM || error == ENOSPC)) {
    why += " (the host does not let an ordinary user create user namespaces: see user.max_user_namespaces,"
           " kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns in sysctl)";
  }
  throwErrno(why, error);
}

/** Puts signal handling back to what a new program expects. */
void resetSignalHandling() {
  for (const int signal : {SIGHUP, SIGPIPE, SIGTERM, SIGINT, SIGCHLD}) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

struct Launch {
  const rlimit& openFiles;
  const std::vector<CardSpec>& cards;
  bool ownUserNamespace;
  int agent;
  int control;
  int go;
  /** A socket for the taps. */
  int taps;
};

/** A byte with each descriptor. The few that there are fit into a socket that nobody reads yet. */
void makeTaps(const std::vector<CardSpec>& cards, int socket) {
  for (const auto& card : cards) {
    const Fd tap = makeTap(card.mac);
    if (!sendWithFd(socket, "t", tap.get())) throwErrno("the monitor does not take a tap");
  }
}

std::vector<Fd> receiveTaps(int socket, size_t count) {
  std::vector<Fd> taps;
  char byte = 0;
  while (taps.size() < count && receiveWithFds(socket, &byte, 1, taps) > 0) {
  }
  if (taps.size() < count) throw std::runtime_error("the simulation's first process gave no taps");
  return taps;
}

/** Runs as PID 1 of the new namespaces up to the agent's execution. */
[[noreturn]] void runAgent(const Launch& launch) {
  char byte = 0;
  if (::read(launch.go, &byte, 1) != 1) ::_exit(125);  // the monitor is gone
  if (launch.ownUserNamespace) {
    if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) throwErrno("cannot become the namespace's root");
    ::setgroups(0, nullptr);  // refused where only one group is mapped
  }
  // After the change of user, which clears it; a monitor that died in between shows in the pipe.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) throwErrno("prctl");
  pollfd monitor{launch.go, POLLIN, 0};
  if (::poll(&monitor, 1, 0) > 0 && (monitor.revents & POLLHUP)) ::_exit(125);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    throwErrno("the host refuses changes of mounts in the simulation's namespaces");
  }
  makeTaps(launch.cards, launch.taps);
  ::setrlimit(RLIMIT_NOFILE, &launch.openFiles);
  resetSignalHandling();
  if (::dup2(launch.control, agentControlFd) < 0) throwErrno("dup2");
  char* argv[] = {const_cast<char*>("mocker-agent"), nullptr};
  char* envp[] = {const_cast<char*>("MOCKER_AGENT_SIMULATION=1"), nullptr};
  ::syscall(SYS_execveat, launch.agent, "", argv, envp, AT_EMPTY_PATH);
  throwErrno("cannot execute the agent");
}

/**
 * The agent's file, through a read-only mount of its own where that can be had: a root workload could
 * otherwise rewrite it by way of /proc/1/exe.
 */
Fd openAgent(const std::string& path) {
  Fd tree(::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (tree) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0) return tree;
  }
  Fd plain(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!plain) throwErrno(path);
  return plain;
}

}  // namespace

Child launchSimulation(const VmSpec& spec, const rlimit& openFiles) {
  // None of what follows may be descriptor 3, which the child overwrites.
  Ends spare;
  if (::fcntl(agentControlFd, F_GETFD) < 0) spare = makePipe();
  const Fd agent = openAgent(spec.agentPath);
  auto [ours, theirs] = socketPair();
  Ends go = makePipe();
  Ends report = makePipe();
  auto [tapsOut, tapsIn] = socketPair();
  const bool ownUserNamespace = ::geteuid() != 0;

  Child child;
  child.pid = cloneNamespaces(ownUserNamespace, !spec.hasHostNetwork());
  if (child.pid == 0) {
    std::string failure;
    try {
      go.write.reset();
      runAgent({openFiles, spec.cards, ownUserNamespace, agent.get(), theirs.get(), go.read.get(), tapsIn.get()});
    } catch (const std::exception& error) {
      failure = error.what();
    }
    writeFully(report.write.get(), failure);
    ::_exit(125);
  }
  go.read.reset();
  report.write.reset();
  theirs.reset();
  tapsIn.reset();
  try {
    if (ownUserNamespace) writeIdMaps(child.pid);
    if (!writeFully(go.write.get(), "g")) throwErrno("the simulation's first process died");
    const std::string failure = readAll(report.read.get(), 4096);
    if (!failure.empty()) throw std::runtime_error(failure);
    child.taps = receiveTaps(tapsOut.get(), spec.cards.size());
  } catch (const std::exception&) {
    ::kill(child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
    throw;
  }
  child.control = std::move(ours);
  setNonBlocking(child.control.get());
  return child;
}

}  // namespace mocker
