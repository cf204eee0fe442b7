#include "syscall-filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mocker {
namespace {

#if defined(__x86_64__)
constexpr uint32_t ourArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t ourArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the system call filter does not know this architecture"
#endif

// Numbers of newer calls are the same on every architecture; older headers lack them.
constexpr uint32_t openTreeAttr = 467;

/** Only an attacker makes these: end the whole VM. */
constexpr uint32_t fatal[] = {SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev};

constexpr uint32_t refused[] = {
    // other processes
    SYS_kcmp, 434 /* pidfd_open */, SYS_pidfd_send_signal, 438 /* pidfd_getfd */, 440 /* process_madvise */,
    448 /* process_mrelease */, SYS_tkill, SYS_rt_sigqueueinfo, SYS_setpriority, SYS_ioprio_set,
    // mounts, roots and namespaces
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, 428 /* open_tree */, 429 /* move_mount */, 430 /* fsopen */,
    431 /* fsconfig */, 432 /* fsmount */, 433 /* fspick */, 442 /* mount_setattr */, openTreeAttr, SYS_unshare,
    SYS_setns,
    // files outside any root
    SYS_open_by_handle_at, SYS_fanotify_init,
    // the kernel itself
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_kexec_load, SYS_init_module, SYS_finit_module,
    SYS_delete_module, SYS_reboot, SYS_syslog, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, SYS_add_key,
    SYS_request_key, SYS_keyctl, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_vhangup,
    SYS_personality,
    // the host's name and time
    SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex,
#if defined(__x86_64__)
    SYS_kexec_file_load, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_sysfs, SYS__sysctl,
    SYS_lookup_dcookie,
#endif
};

constexpr int namespaceFlags = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                               CLONE_NEWUTS | CLONE_NEWCGROUP | 0x80 /* CLONE_NEWTIME */;

constexpr uint32_t argument(unsigned index) {
  // The lower half: all filtered arguments are 32 bits wide for the kernel too.
  return static_cast<uint32_t>(offsetof(seccomp_data, args) + index * sizeof(uint64_t));
}

class Program {
 public:
  void load(uint32_t offset) { code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)); }
  void result(uint32_t value) { code_.push_back(BPF_STMT(BPF_RET | BPF_K, value)); }

  /** The accumulator is the call's number: if it is `number`, the next `length` instructions are run. */
  void onCall(uint32_t number, uint8_t length) { code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, length)); }
  void ifEqualSkip(uint32_t value, uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, count, 0));
  }
  void unlessEqualSkip(uint32_t value, uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count));
  }
  void unlessAnyBitSkip(uint32_t bits, uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, count));
  }
  void unlessAtLeastSkip(uint32_t value, uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, 0, count));
  }

  std::vector<sock_filter>& code() { return code_; }

 private:
  std::vector<sock_filter> code_;
};

constexpr uint32_t fail(int error) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error); }

}  // namespace

int enterSyscallFilter(bool withoutNetwork) {
  Program program;
  program.load(offsetof(seccomp_data, arch));
  program.ifEqualSkip(ourArchitecture, 1);
  program.result(SECCOMP_RET_KILL_PROCESS);
  program.load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
  // x32 has a second number for every call.
  program.unlessAtLeastSkip(0x40000000, 1);
  program.result(fail(ENOSYS));
#endif
  for (const uint32_t number : fatal) {
    program.onCall(number, 1);
    program.result(SECCOMP_RET_KILL_PROCESS);
  }
  for (const uint32_t number : refused) {
    program.onCall(number, 1);
    program.result(fail(EPERM));
  }
  // Its flags are behind a pointer; the C library then falls back to clone.
  program.onCall(435 /* clone3 */, 1);
  program.result(fail(ENOSYS));
  program.onCall(SYS_clone, 4);
  program.load(argument(0));
  program.unlessAnyBitSkip(namespaceFlags, 1);
  program.result(fail(EPERM));
  program.result(SECCOMP_RET_ALLOW);
  // Signals to ourselves only: abort() and thread cancellation need them.
  const auto self = static_cast<uint32_t>(getpid());
  for (const uint32_t number : {SYS_kill, SYS_tgkill, SYS_rt_tgsigqueueinfo}) {
    program.onCall(number, 4);
    program.load(argument(0));
    program.ifEqualSkip(self, 1);
    program.result(fail(EPERM));
    program.result(SECCOMP_RET_ALLOW);
  }
  program.onCall(SYS_prlimit64, 4);
  program.load(argument(0));
  program.ifEqualSkip(0, 1);
  program.result(fail(EPERM));
  program.result(SECCOMP_RET_ALLOW);
  program.onCall(SYS_ioctl, 4);
  program.load(argument(1));
  program.unlessEqualSkip(TIOCSTI, 1);
  program.result(fail(EPERM));
  program.result(SECCOMP_RET_ALLOW);
  // libkrun 1.19.7 listens on the host for whatever a guest's TSI socket listens on, on all addresses
  // (TsiStreamProxy::try_listen). TSI keeps a listener inside the guest when it gets this very errno.
  program.onCall(SYS_listen, 1);
  program.result(fail(EPERM));
  program.onCall(SYS_socket, withoutNetwork ? 4 : 6);
  program.load(argument(0));
  if (!withoutNetwork) {
    program.ifEqualSkip(AF_INET, 3);
    program.ifEqualSkip(AF_INET6, 2);
  }
  program.ifEqualSkip(AF_UNIX, 1);
  program.result(fail(EAFNOSUPPORT));
  program.result(SECCOMP_RET_ALLOW);
  program.result(SECCOMP_RET_ALLOW);

  sock_fprog filter{static_cast<unsigned short>(program.code().size()), program.code().data()};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0 ? 0 : errno;
}

}  // namespace mocker
