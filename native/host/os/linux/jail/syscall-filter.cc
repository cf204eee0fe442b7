#include "syscall-filter.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/linux/seccomp-program.h"
#include "own-libkrun-calls.h"

namespace mocker {
namespace {

/** Only an attacker makes these: end the whole VM. */
constexpr uint32_t fatal[] = {SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev};

/** Numbers of newer calls are the same on every architecture; older headers lack them. */
constexpr uint32_t refused[] = {
    // other processes
    SYS_kcmp, 434 /* pidfd_open */, SYS_pidfd_send_signal, 438 /* pidfd_getfd */, 440 /* process_madvise */,
    448 /* process_mrelease */, SYS_tkill, SYS_rt_sigqueueinfo, SYS_setpriority, SYS_ioprio_set,
    SYS_migrate_pages, SYS_move_pages,
    // mounts, roots and namespaces
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, 428 /* open_tree */, 429 /* move_mount */, 430 /* fsopen */,
    431 /* fsconfig */, 432 /* fsmount */, 433 /* fspick */, 442 /* mount_setattr */, 467 /* open_tree_attr */, SYS_unshare,
    SYS_setns, 457 /* statmount */, 458 /* listmount */,
    // files outside any root, and what only watches or labels them
    SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_fanotify_init, SYS_fanotify_mark, 463 /* setxattrat */,
    464 /* getxattrat */, 465 /* listxattrat */, 466 /* removexattrat */, 468 /* file_getattr */,
    469 /* file_setattr */,
    // the kernel itself
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_kexec_load, SYS_init_module, SYS_finit_module,
    SYS_delete_module, SYS_reboot, SYS_syslog, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, 443 /* quotactl_fd */, SYS_add_key,
    SYS_request_key, SYS_keyctl, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_vhangup,
    SYS_personality, 453 /* map_shadow_stack */, 459 /* lsm_get_self_attr */, 460 /* lsm_set_self_attr */,
    461 /* lsm_list_modules */,
    // the host's name and time
    SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex,
#if defined(__x86_64__)
    SYS_kexec_file_load, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_sysfs, SYS__sysctl,
    SYS_lookup_dcookie,
#endif
};

}  // namespace

int enterSyscallFilter(Calls calls, bool withoutNetwork) {
  SeccompProgram program;
  // Neither input for a terminal, nor signals to others by way of a descriptor. First, as every exit of a
  // guest to its VMM ends in one.
  program.refuseValues(SYS_ioctl, 1, {TIOCSTI, FIOSETOWN, SIOCSPGRP}, EPERM);
  if (calls == Calls::ownLibkrun) {
    for (const uint32_t number : ownLibkrunCalls) program.answer(number, SECCOMP_RET_ALLOW);
    program.threadsOnly();
  }
  for (const uint32_t number : fatal) program.answer(number, SECCOMP_RET_KILL_PROCESS);
  for (const uint32_t number : refused) program.answer(number, fail(EPERM));
  program.cloneWithoutNamespaces();
  // Signals to ourselves only: abort() and thread cancellation need them.
  const auto self = static_cast<uint32_t>(getpid());
  for (const uint32_t number : {SYS_kill, SYS_tgkill, SYS_rt_tgsigqueueinfo}) program.allowValues(number, 0, {self}, EPERM);
  for (const uint32_t number : {SYS_prlimit64, SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_setparam,
                                SYS_sched_setattr}) {
    program.allowValues(number, 0, {0}, EPERM);
  }
  program.refuseValues(SYS_fcntl, 1, {F_SETOWN, F_SETSIG, F_SETOWN_EX}, EPERM);
  // libkrun 1.19.7 listens on the host for whatever a guest's TSI socket listens on, on all addresses
  // (TsiStreamProxy::try_listen). TSI keeps a listener inside the guest when it gets this very errno.
  program.answer(SYS_listen, fail(EPERM));
  std::vector<uint32_t> families{AF_UNIX};
  if (!withoutNetwork) families.insert(families.end(), {AF_INET, AF_INET6});
  program.allowValues(SYS_socket, 0, families, EAFNOSUPPORT);
  // As of a kernel that does not have them: a library then does without.
  program.result(calls == Calls::ownLibkrun ? fail(ENOSYS) : SECCOMP_RET_ALLOW);
  return program.install();
}

}  // namespace mocker
