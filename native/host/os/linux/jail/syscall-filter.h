// The system calls that nothing in a running VM's process has any business with.
#pragma once

namespace mocker {

/**
 * Installs a seccomp filter for this thread and its children; needs no_new_privs. A list of what is forbidden
 * rather than of what is allowed: libkrun, its libraries and the C library differ between the versions that
 * must work. Programs cannot be started and other processes cannot be touched; nothing can be mounted, loaded
 * or traced; no socket can listen.
 * @param withoutNetwork only unix sockets can be made
 * @returns 0, or the errno
 */
int enterSyscallFilter(bool withoutNetwork);

}  // namespace mocker
