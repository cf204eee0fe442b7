// A libkrun that an attacker has taken over: in the jail, where the guest would run, it tries what a jail is
// for, and tells on stderr what refused each.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[256];

int32_t krun_set_log_level(uint32_t level) { return (void)level, 0; }
int32_t krun_create_ctx(void) { return 0; }
int32_t krun_free_ctx(uint32_t context) { return (void)context, 0; }
int32_t krun_set_vm_config(uint32_t context, uint8_t cpus, uint32_t memory) { return (void)context, (void)cpus, (void)memory, 0; }
int32_t krun_set_root(uint32_t context, const char *path) { return (void)context, (void)path, 0; }
int32_t krun_set_port_map(uint32_t context, const char *const map[]) { return (void)context, (void)map, 0; }
int32_t krun_set_exec(uint32_t context, const char *path, const char *const argv[], const char *const envp[]) {
  return (void)context, (void)path, (void)argv, (void)envp, 0;
}
int32_t krun_disable_implicit_vsock(uint32_t context) { return (void)context, 0; }
int32_t krun_add_vsock(uint32_t context, uint32_t features) { return (void)context, (void)features, 0; }
int32_t krun_set_console_output(uint32_t context, const char *path) { return (void)context, (void)path, 0; }
int32_t krun_add_virtiofs3(uint32_t context, const char *tag, const char *path, uint64_t memory, int read_only) {
  return (void)context, (void)tag, (void)path, (void)memory, (void)read_only, 0;
}
/** The agent's socket is beside the monitor's. */
int32_t krun_add_vsock_port(uint32_t context, uint32_t port, const char *path) {
  (void)context, (void)port;
  const char *const end = strrchr(path, '/');
  snprintf(directory, sizeof directory, "%.*s", (int)(end - path), path);
  return 0;
}

static void say(const char *what, const char *how) {
  char line[128];
  const int length = snprintf(line, sizeof line, "try: %s: %s\n", what, how);
  if (write(STDERR_FILENO, line, (size_t)length) < 0) _exit(1);
}

static void tried(const char *what, long result) { say(what, result < 0 ? strerrorname_np(errno) : "ok"); }

static void opened(const char *what, const char *path, int flags) { tried(what, open(path, flags | O_CLOEXEC, 0600)); }

static void connected(const char *what, const char *path, size_t length) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, path, length);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  tried(what, connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)));
}

/** What ends who tries it is tried by a child. */
static void fatal(const char *what, long number, long first, long second, long third) {
  const pid_t child = fork();
  if (child < 0) return tried(what, -1);
  if (child == 0) {
    syscall(number, first, second, third, 0, 0, 0);
    _exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return tried(what, -1);
  say(what, WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "ok");
}

int32_t krun_start_enter(uint32_t context) {
  (void)context;
  char path[300];
  opened("root's home", "/root", O_RDONLY);
  opened("users' homes", "/home", O_RDONLY);
  opened("the host's users", "/etc/passwd", O_RDONLY);
  opened("the host's processes", "/proc/1/environ", O_RDONLY);
  opened("the kernel's settings", "/proc/sys/kernel/core_pattern", O_WRONLY);
  opened("a new file in the root", "/new", O_WRONLY | O_CREAT);
  opened("a way up", "/proc/self/fd/../../../../etc/passwd", O_RDONLY);
  snprintf(path, sizeof path, "%s/../state/vmm.json", directory);
  opened("the VM's records", path, O_RDONLY);
  snprintf(path, sizeof path, "%s/monitor.sock", directory);
  connected("the monitor", path, strlen(path) + 1);
  connected("an abstract socket of the host", "\0mocker-jail-test", 17);

  tried("a signal to the monitor", kill(getppid(), SIGTERM));
  tried("a signal to all", kill(-1, SIGTERM));
  tried("a signal to another", kill(2, 0));
  tried("a signal to another's thread", syscall(SYS_tgkill, 2, 2, SIGTERM));
  tried("a queued signal", syscall(SYS_rt_sigqueueinfo, 2, SIGTERM, NULL));
  const int pair = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int other = 2;
  tried("a descriptor's owner", fcntl(pair, F_SETOWN, other));
  tried("a descriptor's signal", fcntl(pair, F_SETSIG, SIGKILL));
  tried("a descriptor's owner by ioctl", ioctl(pair, 0x8901 /* FIOSETOWN */, &other));
  tried("a socket's group", ioctl(pair, 0x8902 /* SIOCSPGRP */, &other));
  tried("a terminal's input", ioctl(0, TIOCSTI, "x"));
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  tried("another's processors", sched_setaffinity(2, sizeof cpus, &cpus));
  tried("another's priority", setpriority(PRIO_PROCESS, 2, 10));
  tried("another's descriptor", syscall(434 /* pidfd_open */, 2, 0));

  tried("IPv4", socket(AF_INET, SOCK_STREAM, 0));
  tried("IPv6", socket(AF_INET6, SOCK_DGRAM, 0));
  tried("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
  tried("packets", socket(AF_PACKET, SOCK_RAW, 0));
  tried("vsock", socket(40 /* AF_VSOCK */, SOCK_STREAM, 0));
  tried("listening", listen(pair, 1));

  tried("another user", setuid(1));
  tried("a device", mknod("/boot", S_IFCHR | 0666, 0x103));
  tried("a mount", mount("x", "/", "tmpfs", 0, NULL));
  tried("an unmount", umount2("/", MNT_DETACH));
  tried("another root", chroot("/"));
  tried("namespaces", unshare(CLONE_NEWUSER));
  tried("a process in namespaces", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
  tried("another's namespace", setns(0, 0));
  tried("a file by its handle", syscall(SYS_open_by_handle_at, -1, NULL, 0));
  tried("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
  tried("keys", syscall(SYS_keyctl, 0, 0, 0));
  tried("BPF", syscall(SYS_bpf, 0, NULL, 0));
  tried("performance counters", syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
  tried("faults", syscall(SYS_userfaultfd, 0));
  tried("quotas", syscall(443 /* quotactl_fd */, 0, 0, 0, NULL));
  tried("mounts' attributes", syscall(457 /* statmount */, NULL, NULL, 0, 0));
  fatal("a program", SYS_execve, (long)"/boot/init.krun", 0, 0);
  fatal("tracing", SYS_ptrace, 16 /* PTRACE_ATTACH */, 1, 0);
  fatal("another's memory", SYS_process_vm_readv, 1, 0, 0);
  tried("a file in memory", syscall(SYS_memfd_create, "x", 0));
  tried("a process's end", syscall(SYS_wait4, -1, NULL, WNOHANG, NULL));
  tried("more files than may be open", dup2(0, 1 << 20));
  say("the guest's memory in a core dump", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? "none" : "ok");
  say("done", "ok");
  for (;;) poll(NULL, 0, -1);
}
