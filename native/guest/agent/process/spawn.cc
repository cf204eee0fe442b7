#include "spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/file.h"
#include "common/sys-error.h"
#include "common/unix-socket.h"
#include "confinement.h"
#include "executable.h"
#include "guest/agent/files/file-task.h"
#include "user.h"

namespace mocker {
namespace {

/** A name in the message may be as long as a path or an argument can be. */
constexpr size_t maxReportBytes = 4096;

struct Pipe {
  Fd read, write;
};

Pipe makePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw SpawnError("INTERNAL", "pipe: " + errnoWords(errno));
  return {Fd(ends[0]), Fd(ends[1])};
}

struct Terminal {
  Fd master, slave;
};

/**
 * A pseudo-terminal of the machine's own devpts, reached through our descriptor and not through the
 * workload's /dev.
 */
Terminal openTerminal(const SpawnRequest& request, const Machine& machine) {
  Terminal terminal;
  terminal.master.reset(::openat(machine.devPts.get(), "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  const int unlock = 0;
  if (!terminal.master || ::ioctl(terminal.master.get(), TIOCSPTLCK, &unlock) != 0) {
    throw SpawnError("INTERNAL", "cannot open a terminal: " + errnoWords(errno));
  }
  terminal.slave.reset(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave) throw SpawnError("INTERNAL", "cannot open a terminal: " + errnoWords(errno));
  winsize size{};
  size.ws_row = request.rows;
  size.ws_col = request.cols;
  ::ioctl(terminal.master.get(), TIOCSWINSZ, &size);
  return terminal;
}

/** The child's own ends. */
struct Stdio {
  int in, out, err;
};

void writeMap(const Machine& machine, const char* name, const std::string& text) {
  Fd file(::openat(machine.proc.get(), name, O_WRONLY | O_CLOEXEC));
  if (!file || !writeFully(file.get(), text)) throw SpawnError("INTERNAL", std::string("writing ") + name + ": " + errnoWords(errno));
}

/**
 * A user namespace of a user without subordinate ids has one user, root, and one group. Any other user is
 * then made by a nested namespace in which that one user is called what was asked for: it sees the wanted ids
 * and owns the files, but there are no two users to be kept apart.
 */
void becomeInNestedNamespace(const Identity& identity, const Machine& machine) {
  if (::unshare(CLONE_NEWUSER) != 0) {
    throw SpawnError("NO_USER", "cannot become user " + std::to_string(identity.uid) + ": only one user is mapped, and a nested user namespace is refused: " + errnoWords(errno));
  }
  writeMap(machine, "self/setgroups", "deny");
  writeMap(machine, "self/uid_map", std::to_string(identity.uid) + " 0 1");
  writeMap(machine, "self/gid_map", std::to_string(identity.gid) + " 0 1");
}

void become(const Identity& identity, const Machine& machine) {
  if (!machine.uids.contains(identity.uid) || !machine.gids.contains(identity.gid)) {
    becomeInNestedNamespace(identity, machine);
    return;
  }
  std::vector<gid_t> groups;
  for (const gid_t group : identity.groups) {
    if (machine.gids.contains(group)) groups.push_back(group);
  }
  if (::setgroups(groups.size(), groups.data()) != 0 && !(machine.simulation && errno == EPERM)) {
    throw SpawnError("INTERNAL", "setgroups: " + errnoWords(errno));
  }
  if (::setresgid(identity.gid, identity.gid, identity.gid) != 0 ||
      ::setresuid(identity.uid, identity.uid, identity.uid) != 0) {
    throw SpawnError("NO_USER", "cannot become user " + std::to_string(identity.uid) + ": " + errnoWords(errno));
  }
}

void makeDirectories(const std::string& path) {
  for (size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at);
    ::mkdir(path.substr(0, at).c_str(), 0755);
    if (at != std::string::npos) ++at;
  }
}

void resetSignals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void takeStdio(const Stdio& stdio) {
  // Ours are above 2 (see main), so no dup2 can overwrite one that is still needed.
  if (::dup2(stdio.in, 0) < 0 || ::dup2(stdio.out, 1) < 0 || ::dup2(stdio.err, 2) < 0) {
    throw SpawnError("INTERNAL", "dup2: " + errnoWords(errno));
  }
}

[[noreturn]] void runChild(const SpawnRequest& request, const Machine& machine, const Stdio& stdio) {
  resetSignals();
  ::setsid();
  takeStdio(stdio);
  if (request.tty && !request.detach) ::ioctl(0, TIOCSCTTY, 0);
  ::umask(022);
  for (const auto& limit : request.rlimits) {
    if (::setrlimit(static_cast<__rlimit_resource_t>(limit.resource), &limit.value) != 0) {
      throw SpawnError("INTERNAL", "error setting rlimit type " + std::to_string(limit.resource) + ": " + errnoWords(errno));
    }
  }

  Identity identity;
  try {
    identity = resolveUser(request.user);
  } catch (const UserError& error) {
    throw SpawnError("NO_USER", error.what());
  }
  if (!request.detach) {
    // So that a program of another user can reopen /dev/stdout (as nginx does with its logs); runc does the
    // same.
    for (const int fd : {0, 1, 2}) {
      if (fd == 0 && !request.stdinOpen && !request.tty) continue;  // that is /dev/null
      if (::fchown(fd, identity.uid, request.tty ? static_cast<gid_t>(-1) : identity.gid) != 0) continue;
    }
  }
  if (request.createCwd) makeDirectories(request.cwd);
  // Once as root and once as the user: either of them may be the only one that is let in.
  const bool entered = ::chdir(request.cwd.c_str()) == 0;
  // Before and after: a nested user namespace begins with all capabilities again.
  if (machine.simulation) limitCapabilities();
  become(identity, machine);
  if (machine.simulation) limitCapabilities();
  if (!entered && ::chdir(request.cwd.c_str()) != 0) {
    throw SpawnError("BAD_CWD", "chdir to cwd (\"" + request.cwd + "\") set in config.json failed: " + errnoWords(errno));
  }

  if (machine.simulation || request.noNewPrivileges) forbidNewPrivileges();
  if (machine.simulation) filterSystemCalls();

  std::vector<std::string> env = request.env;
  bool hasHome = false;
  for (const auto& variable : env) hasHome = hasHome || variable.rfind("HOME=", 0) == 0;
  if (!hasHome) env.push_back("HOME=" + identity.home);
  const std::string path = findExecutable(request.argv[0], env);

  std::vector<char*> argv;
  for (const auto& argument : request.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> envp;
  for (const auto& variable : env) envp.push_back(const_cast<char*>(variable.c_str()));
  envp.push_back(nullptr);
  ::execve(path.c_str(), argv.data(), envp.data());
  // The file is there, so ENOENT is about its interpreter.
  throw SpawnError(errno == ENOENT ? "NOT_FOUND" : "NOT_EXECUTABLE", "exec " + path + ": " + errnoWords(errno));
}

/** Does not exec: see {@link FileTask}. */
[[noreturn]] void runFileTask(const SpawnRequest& request, const Machine& machine, const Stdio& stdio) {
  resetSignals();
  ::setsid();
  FileTask task(request.argv, machine);
  takeStdio(stdio);
  task.keepOwnOnly();
  ::_exit(task.run());
}

/** As {@link runFileTask}: it does not exec. */
[[noreturn]] void runIdle(const Stdio& stdio) {
  resetSignals();
  ::setsid();
  takeStdio(stdio);
  if (::syscall(SYS_close_range, 3u, ~0u, 0u) != 0) throw SpawnError("INTERNAL", "close_range: " + errnoWords(errno));
  for (;;) ::pause();
}

[[noreturn]] void childMain(const SpawnRequest& request, const Machine& machine, const Stdio& stdio, int report) {
  std::string failure;
  try {
    if (request.isFileTask) runFileTask(request, machine, stdio);
    if (request.idle) runIdle(stdio);
    runChild(request, machine, stdio);
  } catch (const SpawnError& error) {
    failure = error.code() + "\n" + error.what();
  } catch (const std::exception& error) {
    failure = std::string("INTERNAL\n") + error.what();
  }
  writeFully(report, std::string_view(failure).substr(0, maxReportBytes));
  ::_exit(127);
}

}  // namespace

int SpawnError::exitCode() const {
  return code_ == "NOT_FOUND" ? 127 : code_ == "NOT_EXECUTABLE" ? 126 : 125;
}

Spawned spawn(const SpawnRequest& request, const Machine& machine) {
  Spawned spawned;
  Fd childIn, childOut, childErr;
  Stdio stdio{machine.devNull.get(), machine.devNull.get(), machine.devNull.get()};
  if (request.tty && !request.detach) {
    Terminal terminal = openTerminal(request, machine);
    spawned.terminal = std::move(terminal.master);
    childIn = std::move(terminal.slave);
    stdio = {childIn.get(), childIn.get(), childIn.get()};
  } else if (!request.detach) {
    Pipe out = makePipe();
    Pipe err = makePipe();
    childOut = std::move(out.write);
    childErr = std::move(err.write);
    spawned.out = std::move(out.read);
    spawned.err = std::move(err.read);
    stdio.out = childOut.get();
    stdio.err = childErr.get();
    if (request.stdinOpen) {
      Pipe in = makePipe();
      childIn = std::move(in.read);
      spawned.in = std::move(in.write);
      stdio.in = childIn.get();
    }
    for (const Fd* fd : {&spawned.in, &spawned.out, &spawned.err}) {
      if (*fd) setNonBlocking(fd->get());
    }
  }

  Pipe report = makePipe();
  const pid_t pid = ::fork();
  if (pid < 0) throw SpawnError("INTERNAL", "fork: " + errnoWords(errno));
  if (pid == 0) childMain(request, machine, stdio, report.write.get());
  setNonBlocking(report.read.get());
  spawned.report = std::move(report.read);
  spawned.pid = pid;
  return spawned;
}

std::optional<SpawnError> startFailure(const std::string& report) {
  if (report.empty()) return std::nullopt;
  const size_t line = report.find('\n');
  return SpawnError(report.substr(0, line), line == std::string::npos ? "" : report.substr(line + 1));
}

}  // namespace mocker
