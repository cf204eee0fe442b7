#include "host/os/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "common/sys-error.h"

namespace mocker {

Signals::Signals(std::initializer_list<int> wanted) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : wanted) sigaddset(&set, signal);
  fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throwErrno("signalfd");
}

int Signals::next() {
  signalfd_siginfo info{};
  const ssize_t got = ::read(fd_.get(), &info, sizeof info);
  return got == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
}

std::string signalName(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return "SIG" + std::string(name ? name : "?");
}

}  // namespace mocker
