// mocker-vmm: the monitor of one VM. `mocker-vmm <absolute path of vmm.json>`; see spec.h.
// `mocker-vmm --remove <absolute path>` removes a VM's directory; see remove-tree.h.
// `mocker-vmm --copy <absolute path> <absolute path>` copies what is in one; see copy-tree.h.
// `mocker-vmm --probe <absolute path>` tells, as JSON, what jails VMs here; see jail-probe.h.

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "cards/card-connection.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/sys-error.h"
#include "host/os/cgroup.h"
#include "host/os/child.h"
#include "host/os/copy-tree.h"
#include "host/os/jail-probe.h"
#include "host/os/process.h"
#include "host/os/remove-tree.h"
#include "monitor/monitor.h"
#include "notice.h"
#include "records/records.h"
#include "spec.h"

namespace {

constexpr int exitUsage = 64;
constexpr int exitLocked = 75;

void prepareSignals() {
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&wanted, signal);
  ::sigprocmask(SIG_SETMASK, &wanted, nullptr);
}

/** Raises the monitor's own limit on open files; returns what it was. */
rlimit raiseOpenFiles() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &raised);
  return limit;
}

int watch(const mocker::VmSpec& spec) {
  const auto lock = mocker::tryLockFile(spec.stateDir + "/vmm.lock");
  if (!lock) {
    std::fprintf(stderr, "mocker-vmm: another monitor has this VM (%s/vmm.lock)\n", spec.stateDir.c_str());
    return exitLocked;
  }
  const rlimit openFiles = raiseOpenFiles();
  const std::string startedAt = mocker::rfc3339Now();
  if (::mkdir(spec.runDir.c_str(), 0700) != 0 && errno != EEXIST) mocker::throwErrno(spec.runDir);
  // The record of an earlier run must not be taken for this one's.
  ::unlink((spec.stateDir + "/exit.json").c_str());
  mocker::reserveExitRecord(spec);
  mocker::Cgroup cgroup(spec.cgroup);
  mocker::Monitor monitor(spec, startedAt, cgroup);
  mocker::Child child;
  std::vector<mocker::Fd> cards;
  try {
    for (const auto& card : spec.cards) cards.push_back(mocker::connectCard(card));
    child = mocker::launchChild(spec, openFiles, cards, cgroup);
  } catch (const std::exception& error) {
    mocker::notice(error.what());
    mocker::writeRuntimeRecord(spec, 0, startedAt);
    monitor.runFailed(error.what());
    return 0;
  }
  mocker::writeRuntimeRecord(spec, child.pid, startedAt);
  try {
    monitor.run(std::move(child), std::move(cards));
  } catch (const std::exception& error) {
    // Out of memory or of descriptors: the VM ends with this process.
    mocker::notice(error.what());
    if (!monitor.recorded()) {
      const mocker::ExitRecord exit{137, std::nullopt, "vm-died", std::string("the VM's monitor failed: ") + error.what()};
      mocker::writeExitRecord(spec, mocker::exitRecord(exit, startedAt));
    }
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "--copy") == 0 && argv[2][0] == '/' && argv[3][0] == '/') {
    try {
      mocker::copyTree(argv[2], argv[3]);
      return 0;
    } catch (const std::exception& error) {
      mocker::notice(error.what());
      return 1;
    }
  }
  if (argc == 3 && argv[2][0] == '/') {
    try {
      if (std::strcmp(argv[1], "--remove") == 0) {
        mocker::removeTree(argv[2]);
        return 0;
      }
      if (std::strcmp(argv[1], "--probe") == 0) {
        std::puts(mocker::toText(mocker::probeJail(argv[2])).c_str());
        return 0;
      }
    } catch (const std::exception& error) {
      mocker::notice(error.what());
      return 1;
    }
  }
  if (argc != 2 || argv[1][0] != '/') {
    std::fputs("usage: mocker-vmm <absolute path of vmm.json>\n", stderr);
    return exitUsage;
  }
  mocker::closeFrom(3);
  // Big buffers are rare.
  mocker::returnFreeMemory();
  prepareSignals();
  try {
    const mocker::VmSpec spec = mocker::loadVmSpec(argv[1]);
    try {
      return watch(spec);
    } catch (const std::exception& error) {
      mocker::notice(error.what());
      const mocker::ExitRecord exit{125, std::nullopt, "boot-failed", error.what()};
      mocker::writeExitRecord(spec, mocker::exitRecord(exit, mocker::rfc3339Now()));
    }
  } catch (const std::exception& error) {
    mocker::notice(error.what());
  }
  return 1;
}
