#include "host/os/remove-tree.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "common/fd.h"
#include "common/sys-error.h"
#include "host/os/linux/child/id-mapping.h"

namespace mocker {
namespace {

constexpr int maxAttempts = 1000;

[[noreturn]] void removeAsNamespaceRoot(int go, const std::string& path) {
  char byte = 0;
  if (::read(go, &byte, 1) != 1) ::_exit(1);  // the parent is gone
  try {
    if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) throwErrno("cannot become the namespace's root");
    for (int attempts = 1;; ++attempts) {
      std::error_code error;
      std::filesystem::remove_all(path, error);
      if (!error) ::_exit(0);
      // What another remover takes before us is no failure: Node's rm goes on for a while after it has given
      // up.
      if (error != std::errc::no_such_file_or_directory || attempts == maxAttempts)
        throw std::filesystem::filesystem_error("cannot remove", path, error);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mocker-vmm: %s\n", error.what());
    ::_exit(1);
  }
}

}  // namespace

void removeTree(const std::string& path) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throwErrno("pipe");
  Fd read(ends[0]);
  Fd write(ends[1]);
  const auto child = static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (child < 0) throwErrno("cannot create a user namespace");
  if (child == 0) {
    write.reset();
    removeAsNamespaceRoot(read.get(), path);
  }
  read.reset();
  writeIdMaps(child);
  if (::write(write.get(), "g", 1) != 1) throwErrno("pipe");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throwErrno("waitpid");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("cannot remove " + path);
}

}  // namespace mocker
