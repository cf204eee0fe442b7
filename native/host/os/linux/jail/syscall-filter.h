// The system calls that nothing in a running VM's process has any business with.
#pragma once

namespace mocker {

/** Whose process is restricted. */
enum class Calls {
  /**
   * Of a libkrun that is not Mocker's: a list of what is forbidden, as it, its libraries and the C library
   * differ between the versions that must work.
   */
  anyLibkrun,
  /** Of the bundled libkrun, whose version is fixed: a list of what is allowed. */
  ownLibkrun,
};

/**
 * Installs a seccomp filter for this thread and its children; needs no_new_privs. Programs cannot be started
 * and other processes cannot be touched; nothing can be mounted, loaded or traced; no socket can listen.
 * @param withoutNetwork only unix sockets can be made
 * @returns 0, or the errno
 */
int enterSyscallFilter(Calls calls, bool withoutNetwork);

}  // namespace mocker
