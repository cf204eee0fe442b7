// A new process in the namespaces that can be had only at a process's beginning: of users and of pids.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/fd.h"
#include "host/os/linux/jail/jail-report.h"

namespace mocker {

/** Whose users the new process's user namespace has. */
enum class IdSource : char {
  /** None of its own: there is no user namespace, or it could not be given users. */
  none = 'n',
  /** The user as root, and the user's subordinate ids as the others. */
  subordinate = 's',
  /** The user alone, under the user's own number. */
  one = 'o',
  /** The host's, under their own numbers; for root, whose capabilities end at the namespace. */
  host = 'h',
};

/** What the kernel gave. */
struct GivenNamespaces {
  bool user = false;
  bool pid = false;
  /** errno of the first refusal; 0 when there was none. */
  int error = 0;
};

/**
 * Forks into a new user and a new PID namespace, as far as the host allows. Returns as fork does; `given` is
 * right on both sides. The child's parent, as the child sees it, has the pid 0.
 */
pid_t forkNamespaced(GivenNamespaces& given);

/** Fills the maps of `child`'s user namespace, from outside. */
IdSource giveIds(pid_t child, const GivenNamespaces& given);

/** Enters what forkNamespaced and giveIds did into the report. */
void reportNamespaces(JailReport& report, const GivenNamespaces& given, IdSource ids);

/** Why this host allows a process no namespaces of its own, with the sysctl where one says so. */
std::string namespacesProblem(int error);

/** As fork, into new namespaces, so that the child itself is the first process there. */
pid_t cloneInto(unsigned long flags);

}  // namespace mocker
