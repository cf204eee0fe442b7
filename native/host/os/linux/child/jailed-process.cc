#include "jailed-process.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "common/file.h"
#include "common/sys-error.h"
#include "id-mapping.h"

namespace mocker {
namespace {

/** A sysctl's number; -1 where the kernel does not have it. */
long sysctl(const char* name) {
  try {
    return std::strtol(readFile(std::string("/proc/sys/") + name, 64).c_str(), nullptr, 10);
  } catch (const std::exception&) {
    return -1;
  }
}

}  // namespace

pid_t cloneInto(unsigned long flags) {
  return static_cast<pid_t>(::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

pid_t forkNamespaced(GivenNamespaces& given) {
  // Root may have a PID namespace without a user namespace, an ordinary user only the other way round.
  const unsigned long single = ::geteuid() == 0 ? CLONE_NEWPID : CLONE_NEWUSER;
  for (const unsigned long flags : {0ul | CLONE_NEWUSER | CLONE_NEWPID, single, 0ul}) {
    given.user = flags & CLONE_NEWUSER;
    given.pid = flags & CLONE_NEWPID;
    const pid_t pid = cloneInto(flags);
    if (pid >= 0) return pid;
    if (given.error == 0) given.error = errno;
  }
  return -1;
}

IdSource giveIds(pid_t child, const GivenNamespaces& given) {
  if (!given.user) return IdSource::none;
  const uid_t uid = ::geteuid();
  try {
    if (uid == 0) {
      mapHostIds(child);
      return IdSource::host;
    }
    if (mapSubordinateIds(child)) return IdSource::subordinate;
    mapOwnIds(child);
    return IdSource::one;
  } catch (const SysError&) {
    return IdSource::none;
  }
}

void reportNamespaces(JailReport& report, const GivenNamespaces& given, IdSource ids) {
  const char* const details[] = {"subordinate ids", "one user", "the host's ids"};
  const auto why = given.error == 0 ? std::string("its users could not be mapped") : errnoWords(given.error);
  if (ids == IdSource::none) {
    report.off("user namespace", why);
  } else {
    report.on("user namespace", details[ids == IdSource::subordinate ? 0 : ids == IdSource::one ? 1 : 2]);
  }
  if (given.pid) {
    report.on("PID namespace");
  } else {
    report.off("PID namespace", why);
  }
}

std::string namespacesProblem(int error) {
  if (sysctl("user/max_user_namespaces") == 0) {
    return "user namespaces are switched off (sysctl user.max_user_namespaces is 0)";
  }
  if (::geteuid() != 0) {
    if (sysctl("kernel/unprivileged_userns_clone") == 0) {
      return "only root may make user namespaces (sysctl kernel.unprivileged_userns_clone is 0)";
    }
    if (sysctl("kernel/apparmor_restrict_unprivileged_userns") > 0) {
      return "AppArmor lets only programs with a profile use user namespaces (sysctl "
             "kernel.apparmor_restrict_unprivileged_userns is 1)";
    }
  }
  return "the kernel or the container that this is in refuses namespaces (" + errnoWords(error) + ")";
}

}  // namespace mocker
