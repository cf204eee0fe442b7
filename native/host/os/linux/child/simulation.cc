#include "simulation.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <stdexcept>

#include "common/file.h"
#include "common/sys-error.h"
#include "common/unix-socket.h"
#include "host/os/linux/child/id-mapping.h"
#include "host/os/linux/child/jailed-process.h"
#include "host/os/linux/child/own-users.h"
#include "host/os/tap.h"
#include "host/vmm/notice.h"
#include "pipe.h"

namespace mocker {
namespace {

constexpr int agentControlFd = 3;

/**
 * `inUserNamespace`: whether the new process has one of its own, which only `mayDoWithout` may be without.
 */
pid_t cloneNamespaces(bool ownNetwork, bool mayDoWithout, bool& inUserNamespace) {
  unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
  if (ownNetwork) flags |= CLONE_NEWNET;
  int error = 0;
  for (const unsigned long user : {0ul | CLONE_NEWUSER, 0ul}) {
    if (user == 0 && !mayDoWithout) break;
    inUserNamespace = user != 0;
    const pid_t pid = cloneInto(flags | user);
    if (pid >= 0) return pid;
    if (error == 0) error = errno;
  }
  throw SysError("cannot create the simulation's namespaces: " + namespacesProblem(error), error);
}

/** Puts signal handling back to what a new program expects. */
void resetSignalHandling() {
  for (const int signal : {SIGHUP, SIGPIPE, SIGTERM, SIGINT, SIGCHLD}) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/** What the agent finds where the host has it: a mount that is nowhere yet, and its place. */
struct MappedPath {
  std::string path;
  bool isDirectory;
  Fd mount;
};

/** Whose ids the workload's users have on the host. */
struct Users {
  /** For root: ids of their own. Absent: the ordinary user's and its subordinate ones, or the host's. */
  std::optional<OwnUsers> own;
  /** With ids of their own: all that the agent reaches of the host's files. */
  std::vector<MappedPath> paths;
};

struct Launch {
  const rlimit& openFiles;
  const std::vector<CardSpec>& cards;
  const Users& users;
  const std::string& runDir;
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

void becomeRoot() {
  if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) throwErrno("cannot become the namespace's root");
  ::setgroups(0, nullptr);  // refused where only one group is mapped
}

void makeMountsPrivate() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    throwErrno("the host refuses changes of mounts in the simulation's namespaces");
  }
}

void attach(const Fd& mount, const Fd& at, const std::string& name) {
  if (::move_mount(mount.get(), "", at.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    throwErrno("cannot mount " + name);
  }
}

/** Makes the place of an absolute path below the working directory. */
Fd makePlace(const std::string& path, bool isDirectory) {
  const auto relative = path.substr(1);
  for (size_t slash = relative.find('/'); slash != std::string::npos; slash = relative.find('/', slash + 1)) {
    if (::mkdir(relative.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST) throwErrno(path);
  }
  if (isDirectory) {
    if (::mkdir(relative.c_str(), 0755) != 0 && errno != EEXIST) throwErrno(path);
  } else {
    const Fd file(::open(relative.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) throwErrno(path);
  }
  Fd place(::open(relative.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
  if (!place) throwErrno(path);
  return place;
}

Fd newTmpfs() {
  const Fd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  Fd mount;
  if (context && ::fsconfig(context.get(), FSCONFIG_SET_STRING, "mode", "0755", 0) == 0 &&
      ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
    mount.reset(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  }
  if (!mount) throwErrno("cannot mount a tmpfs in the simulation's namespaces");
  return mount;
}

/**
 * For users of their own, who may look into no directory of the host's root: a root with nothing but the
 * mapped paths and what the agent needs of the kernel's file systems, built over `over`, a directory.
 */
void enterOwnRoot(const std::vector<MappedPath>& paths, const Fd& over) {
  const Fd root = newTmpfs();
  attach(root, over, "the simulation's root");
  if (::fchdir(root.get()) != 0) throwErrno("the simulation's root");
  for (const char* path : {"/proc", "/sys", "/dev"}) {
    const Fd tree(::open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
    if (!tree) throwErrno(path);
    attach(tree, makePlace(path, true), path);
  }
  for (const auto& [path, isDirectory, mount] : paths) attach(mount, makePlace(path, isDirectory), path);
  // The old root ends up over the new one, and is detached from there (pivot_root(2)).
  if (::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0) {
    throwErrno("cannot change the simulation's root");
  }
}

/** Runs as PID 1 of the new namespaces up to the agent's execution. */
[[noreturn]] void runAgent(const Launch& launch) {
  char byte = 0;
  if (::read(launch.go, &byte, 1) != 1) ::_exit(125);  // the monitor is gone
  // Only now: its root is the cgroup that this process has been moved to.
  ::unshare(CLONE_NEWCGROUP);
  if (launch.users.own) {
    // What only the host's root can open comes before the change of user.
    const Fd over(::open(launch.runDir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!over) throwErrno(launch.runDir);
    makeTaps(launch.cards, launch.taps);
    becomeRoot();
    makeMountsPrivate();
    enterOwnRoot(launch.users.paths, over);
  } else {
    becomeRoot();
    makeMountsPrivate();
    makeTaps(launch.cards, launch.taps);
  }
  // After the change of user, which clears it; a monitor that died in between shows in the pipe.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) throwErrno("prctl");
  pollfd monitor{launch.go, POLLIN, 0};
  if (::poll(&monitor, 1, 0) > 0 && (monitor.revents & POLLHUP)) ::_exit(125);
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

/**
 * What the agent mounts, without what is below another of them. An overlay's upper and work directories must
 * be of one mount: both are in the state directory.
 */
std::vector<std::string> agentPaths(const VmSpec& spec) {
  std::vector<std::string> all = spec.simulation->paths;
  all.push_back(spec.stateDir);
  std::sort(all.begin(), all.end());
  std::vector<std::string> outer;
  for (const auto& path : all) {
    const bool isCovered = std::any_of(outer.begin(), outer.end(), [&](const std::string& known) {
      return path == known || path.starts_with(known + "/");
    });
    if (!isCovered) outer.push_back(path);
  }
  return outer;
}

/**
 * Ids of their own for the users of root's workloads; throws where the host or a file system has no way to.
 */
Users ownUsers(const VmSpec& spec) {
  Users users;
  users.own.emplace();
  for (const auto& path : agentPaths(spec)) {
    if (path == "/") throw std::runtime_error("the host's whole file system cannot be given to them");
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) throwErrno(path);
    users.paths.push_back({path, S_ISDIR(status.st_mode), users.own->mapped(path)});
  }
  return users;
}

Users chooseUsers(const VmSpec& spec) {
  if (::geteuid() != 0) return {};
  try {
    return ownUsers(spec);
  } catch (const std::exception& error) {
    if (spec.simulation->hostIds) {
      notice(std::string("the workload's users have the host's ids: ") + error.what());
      return {};
    }
    throw std::runtime_error(std::string("the simulation's users cannot have ids of their own: ") + error.what());
  }
}

void giveUsers(pid_t child, const Users& users) {
  if (users.own) {
    users.own->give(child);
  } else if (::geteuid() == 0) {
    mapHostIds(child);
  } else {
    writeIdMaps(child);
  }
}

}  // namespace

Child launchSimulation(const VmSpec& spec, const rlimit& openFiles, Cgroup& cgroup) {
  // None of what follows may be descriptor 3, which the child overwrites.
  Pipe spare;
  if (::fcntl(agentControlFd, F_GETFD) < 0) spare = makePipe();
  const Fd agent = openAgent(spec.agentPath);
  auto [ours, theirs] = socketPair();
  Pipe go = makePipe();
  Pipe report = makePipe();
  auto [tapsOut, tapsIn] = socketPair();
  const Users users = chooseUsers(spec);

  Child child;
  bool inUserNamespace = true;
  const bool mayDoWithout = ::geteuid() == 0 && spec.simulation->hostIds && !users.own;
  child.pid = cloneNamespaces(!spec.hasHostNetwork(), mayDoWithout, inUserNamespace);
  if (child.pid == 0) {
    std::string failure;
    try {
      go.writing.reset();
      runAgent({openFiles, spec.cards, users, spec.runDir, agent.get(), theirs.get(), go.reading.get(), tapsIn.get()});
    } catch (const std::exception& error) {
      failure = error.what();
    }
    writeFully(report.writing.get(), failure);
    ::_exit(125);
  }
  go.reading.reset();
  report.writing.reset();
  theirs.reset();
  tapsIn.reset();
  try {
    cgroup.take(child.pid);
    if (inUserNamespace) giveUsers(child.pid, users);
    if (!writeFully(go.writing.get(), "g")) throwErrno("the simulation's first process died");
    const std::string failure = readAll(report.reading.get(), 4096);
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
