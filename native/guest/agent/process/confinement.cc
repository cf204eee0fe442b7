#include "confinement.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "common/linux/seccomp-program.h"
#include "common/sys-error.h"
#include "spawn.h"

namespace mocker {
namespace {

/** moby's daemon/pkg/oci/caps, DefaultCapabilities. */
constexpr unsigned defaultCapabilities[] = {
    CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FSETID, CAP_FOWNER,           CAP_MKNOD,      CAP_NET_RAW, CAP_SETGID,
    CAP_SETUID,  CAP_SETFCAP,      CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_KILL,    CAP_AUDIT_WRITE,
};

/**
 * What moby's profiles/seccomp/default.json does not allow without further capabilities. Numbers of newer
 * calls are the same on every architecture; older headers lack them.
 */
constexpr uint32_t refused[] = {
    // mounts and namespaces
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_setns, SYS_unshare, 428 /* open_tree */, 429 /* move_mount */,
    430 /* fsopen */, 431 /* fsconfig */, 432 /* fsmount */, 433 /* fspick */, 442 /* mount_setattr */,
    467 /* open_tree_attr */,
    // files outside any root
    SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_fanotify_init, SYS_quotactl, 443 /* quotactl_fd */,
    // the kernel itself
    SYS_acct, SYS_add_key, SYS_bpf, SYS_delete_module, SYS_finit_module, SYS_init_module, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_io_uring_setup, SYS_kexec_load, SYS_keyctl, SYS_lookup_dcookie, SYS_perf_event_open,
    SYS_reboot, SYS_request_key, SYS_swapoff, SYS_swapon, SYS_syslog, SYS_userfaultfd, SYS_vhangup,
    // other processes
    SYS_kcmp, 438 /* pidfd_getfd */, 440 /* process_madvise */, SYS_get_mempolicy, SYS_mbind, SYS_move_pages,
    SYS_migrate_pages, SYS_set_mempolicy,
    // the host's name and time
    SYS_clock_adjtime, SYS_clock_settime, SYS_settimeofday, SYS_sethostname, SYS_setdomainname,
#if defined(__x86_64__)
    SYS_create_module, SYS_get_kernel_syms, SYS_ioperm, SYS_iopl, SYS_kexec_file_load, SYS_nfsservctl,
    SYS_query_module, SYS_sysfs, SYS__sysctl, SYS_uselib, SYS_ustat,
#endif
};

/** The same by the numbers of a 32-bit program on x86-64 (the kernel's syscall_32.tbl). */
const std::vector<uint32_t> refusedOnI386{
    21 /* mount */, 22 /* umount */, 52 /* umount2 */, 217 /* pivot_root */, 346 /* setns */, 310 /* unshare */, 428, 429,
    430, 431, 432, 433, 442, 467,
    341 /* name_to_handle_at */, 342 /* open_by_handle_at */, 338 /* fanotify_init */, 131 /* quotactl */, 443,
    51 /* acct */, 286 /* add_key */, 357 /* bpf */, 129 /* delete_module */, 350 /* finit_module */,
    128 /* init_module */, 425, 426, 427, 283 /* kexec_load */, 288 /* keyctl */, 253 /* lookup_dcookie */,
    336 /* perf_event_open */, 88 /* reboot */, 287 /* request_key */, 115 /* swapoff */, 87 /* swapon */,
    103 /* syslog */, 374 /* userfaultfd */, 111 /* vhangup */,
    349 /* kcmp */, 438, 440, 275 /* get_mempolicy */, 274 /* mbind */, 317 /* move_pages */, 294 /* migrate_pages */,
    276 /* set_mempolicy */,
    343 /* clock_adjtime */, 405 /* clock_adjtime64 */, 264 /* clock_settime */, 404 /* clock_settime64 */,
    79 /* settimeofday */, 25 /* stime */, 74 /* sethostname */, 121 /* setdomainname */,
    127 /* create_module */, 130 /* get_kernel_syms */, 101 /* ioperm */, 110 /* iopl */, 169 /* nfsservctl */,
    167 /* query_module */, 135 /* sysfs */, 149 /* _sysctl */, 86 /* uselib */, 62 /* ustat */, 113 /* vm86old */,
    166 /* vm86 */,
};

}  // namespace

void limitCapabilities() {
  uint64_t keep = 0;
  for (const unsigned capability : defaultCapabilities) keep |= uint64_t{1} << capability;
  for (unsigned capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (!(keep >> capability & 1)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

void dropCapabilities(const std::vector<unsigned>& capabilities) {
  for (const unsigned capability : capabilities) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

void forbidNewPrivileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw SpawnError("INTERNAL", "no_new_privs: " + errnoWords(errno));
}

void filterSystemCalls() {
  SeccompProgram program(refusedOnI386);
  for (const uint32_t number : refused) program.answer(number, fail(EPERM));
  program.cloneWithoutNamespaces();
  program.allowValues(SYS_personality, 0, {0, 0x8, 0x20000, 0x20008, 0xffffffff}, EPERM);
  program.refuseValues(SYS_socket, 0, {AF_VSOCK}, EPERM);
  program.result(SECCOMP_RET_ALLOW);
  const int error = program.install();
  if (error != 0) throw SpawnError("INTERNAL", "seccomp: " + errnoWords(error));
}

}  // namespace mocker
