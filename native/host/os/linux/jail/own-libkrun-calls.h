// The system calls that the libkrun which Mocker bundles makes once its guest runs.
#pragma once

#include <sys/syscall.h>

#include <cstdint>

namespace mocker {

/**
 * Recorded by strace in the lab, and completed with what the sources call (libkrun 1.19.7, imago 0.2.6:
 * virtio-fs above all) and what the C and Rust libraries may do for them; the lab's scenarios run with it.
 * Calls whose arguments are looked at are the filter's own. The most frequent come first: the filter is a
 * list.
 */
constexpr uint32_t ownLibkrunCalls[] = {
#if defined(__x86_64__)
    SYS_epoll_wait,
#endif
    SYS_read, SYS_write, SYS_futex, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev,
    SYS_recvfrom, SYS_sendto, SYS_clock_gettime, SYS_epoll_ctl, SYS_epoll_pwait, SYS_close,
    // files: disks, and all that virtio-fs does for a guest
    SYS_openat, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_fstatfs, SYS_statfs, SYS_lseek, SYS_dup, SYS_dup3,
    SYS_getdents64, SYS_readlinkat, SYS_mkdirat, SYS_mknodat, SYS_symlinkat, SYS_linkat, SYS_unlinkat, SYS_renameat,
    SYS_renameat2, SYS_fchmod, SYS_fchmodat, 452 /* fchmodat2 */, SYS_fchown, SYS_fchownat, SYS_ftruncate,
    SYS_fallocate, SYS_fsync, SYS_fdatasync, SYS_sync_file_range, SYS_fadvise64, SYS_utimensat, SYS_umask,
    SYS_faccessat, 439 /* faccessat2 */, SYS_copy_file_range, SYS_sendfile, SYS_splice, SYS_getcwd, SYS_flock,
    SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_getxattr, SYS_lgetxattr, SYS_fgetxattr, SYS_listxattr,
    SYS_llistxattr, SYS_flistxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,
    // memory
    SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk, SYS_membarrier, SYS_mincore,
    // threads, and whom virtio-fs acts for
    SYS_exit, SYS_exit_group, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq, SYS_set_tid_address, SYS_gettid,
    SYS_getpid, SYS_getppid, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending,
    SYS_rt_sigtimedwait, SYS_sigaltstack, SYS_sched_yield, SYS_sched_getaffinity, SYS_prctl, SYS_restart_syscall,
    SYS_getrandom, SYS_sysinfo, SYS_uname, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_setresuid,
    SYS_setresgid, SYS_setuid, SYS_setgid, SYS_capget, SYS_capset, SYS_getrusage,
    // time, and waiting
    SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_getres, SYS_gettimeofday, SYS_timerfd_create, SYS_timerfd_settime,
    SYS_timerfd_gettime, SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_eventfd2, SYS_pipe2,
    // the guest's connections
    SYS_socketpair, SYS_connect, SYS_bind, SYS_accept4, SYS_getsockopt, SYS_setsockopt, SYS_getsockname,
    SYS_getpeername, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_shutdown,
#if defined(__x86_64__)
    // the C library's older ways of the same
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_mkdir, SYS_rmdir, SYS_mknod, SYS_link, SYS_symlink,
    SYS_unlink, SYS_rename, SYS_chmod, SYS_chown, SYS_lchown, SYS_utimes, SYS_poll, SYS_select, SYS_pipe,
    SYS_dup2, SYS_arch_prctl, SYS_time, SYS_getrlimit, SYS_epoll_create, SYS_eventfd,
#endif
};

}  // namespace mocker
