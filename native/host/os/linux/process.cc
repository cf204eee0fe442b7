#include "host/os/process.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/sys-error.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

namespace mocker {

std::optional<uint64_t> processStartTime(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const Fd fd(open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  char text[1024];
  const ssize_t size = read(fd.get(), text, sizeof text - 1);
  if (size <= 0) return std::nullopt;
  text[size] = '\0';
  // The command's name, field 2, may itself contain spaces and parentheses: count from the last one.
  const char* at = std::strrchr(text, ')');
  if (!at || at[1] != ' ') return std::nullopt;
  at += 2;
  if (*at == 'Z' || *at == 'X') return std::nullopt;
  for (int field = 3; field < 22; ++field) {
    at = std::strchr(at, ' ');
    if (!at) return std::nullopt;
    ++at;
  }
  return std::strtoull(at, nullptr, 10);
}

Fd openProcess(pid_t pid, uint64_t startTimeTicks) {
  if (pid <= 0) return Fd();
  Fd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) {
    if (errno == ESRCH || errno == EINVAL) return Fd();
    throwErrno("pidfd_open " + std::to_string(pid));
  }
  // Only now is the pid pinned; a reused one shows in the start time.
  errno = 0;
  const auto actual = processStartTime(pid);
  // One that cannot be looked at is not gone.
  if (!actual && (errno == EMFILE || errno == ENFILE)) throwErrno("/proc/" + std::to_string(pid));
  return actual == startTimeTicks ? std::move(fd) : Fd();
}

Fd openChild(pid_t pid) {
  Fd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) throwErrno("pidfd_open " + std::to_string(pid));
  return fd;
}

void endChild(pid_t pid) {
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void closeFrom(int first) {
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0u, 0u) == 0) return;
  const long most = sysconf(_SC_OPEN_MAX);
  for (int fd = first; fd < (most > 0 && most < 65536 ? most : 65536); ++fd) close(fd);
}

void returnFreeMemory() {
  mallopt(M_MMAP_THRESHOLD, 64 * 1024);
  mallopt(M_TRIM_THRESHOLD, 64 * 1024);
}

bool killProcess(pid_t pid, uint64_t startTimeTicks, int signal) {
  const Fd fd = openProcess(pid, startTimeTicks);
  if (!fd) return false;
  if (syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  throwErrno("kill " + std::to_string(pid));
}

std::optional<ExitStatus> reapProcess(int pidfd) {
  siginfo_t info{};
  if (waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0) {
    return std::nullopt;
  }
  ExitStatus status;
  if (info.si_code == CLD_EXITED) {
    status.exitCode = info.si_status;
  } else {
    status.signal = info.si_status;
  }
  return status;
}

namespace {

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class SpawnAttributes {
 public:
  SpawnAttributes() { posix_spawnattr_init(&attributes_); }
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  posix_spawnattr_t* get() { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

void check(int error, const std::string& what) {
  if (error != 0) throw SysError(what, error);
}

}  // namespace

pid_t spawnProgram(const std::vector<std::string>& argv, const std::vector<int>& descriptors, bool ownSession) {
  const int end = 1 + static_cast<int>(descriptors.size());
  FileActions actions;
  check(posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0), "/dev/null");
  std::vector<Fd> copies;
  for (size_t i = 0; i < descriptors.size(); ++i) {
    // Out of the way of the numbers that are given away.
    copies.emplace_back(fcntl(descriptors[i], F_DUPFD_CLOEXEC, end));
    if (!copies.back()) throwErrno("the program's descriptors");
    check(posix_spawn_file_actions_adddup2(actions.get(), copies.back().get(), 1 + static_cast<int>(i)), argv[0]);
  }
  check(posix_spawn_file_actions_addclosefrom_np(actions.get(), end), "closefrom");

  SpawnAttributes attributes;
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  check(posix_spawnattr_setsigmask(attributes.get(), &none), "sigmask");
  check(posix_spawnattr_setsigdefault(attributes.get(), &all), "sigdefault");
  const int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (ownSession ? POSIX_SPAWN_SETSID : 0);
  check(posix_spawnattr_setflags(attributes.get(), static_cast<short>(flags)), "spawn flags");

  std::vector<char*> words;
  for (const auto& argument : argv) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  char* noEnvironment[] = {nullptr};
  pid_t pid = -1;
  check(posix_spawn(&pid, words[0], actions.get(), attributes.get(), words.data(), noEnvironment), argv[0]);
  return pid;
}

pid_t spawnDetached(const SpawnOptions& options) {
  // Opened here, so that a missing directory is our error and not the child's silence.
  const Fd log(open(options.logPath.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!log) throwErrno(options.logPath);
  return spawnProgram(options.argv, {log.get(), log.get()}, true);
}

}  // namespace mocker
