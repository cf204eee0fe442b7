// A libkrun whose guest is this file: what it does with its shares is what virtio-fs does for a guest's users
// (krun-devices, virtio/fs/linux/passthrough.rs, set_creds), and it tells on stderr how that went.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char shares[4][256];
static int count;

int32_t krun_set_log_level(uint32_t level) { return (void)level, 0; }
int32_t krun_create_ctx(void) { return 0; }
int32_t krun_free_ctx(uint32_t context) { return (void)context, 0; }
int32_t krun_set_vm_config(uint32_t context, uint8_t cpus, uint32_t memory) { return (void)context, (void)cpus, (void)memory, 0; }
int32_t krun_set_root(uint32_t context, const char *path) { return (void)context, (void)path, 0; }
int32_t krun_set_port_map(uint32_t context, const char *const map[]) { return (void)context, (void)map, 0; }
int32_t krun_set_exec(uint32_t context, const char *path, const char *const argv[], const char *const envp[]) {
  return (void)context, (void)path, (void)argv, (void)envp, 0;
}
int32_t krun_add_vsock_port(uint32_t context, uint32_t port, const char *path) { return (void)context, (void)port, (void)path, 0; }
int32_t krun_set_console_output(uint32_t context, const char *path) { return (void)context, (void)path, 0; }
int32_t krun_add_virtiofs3(uint32_t context, const char *tag, const char *path, uint64_t memory, int read_only) {
  (void)context, (void)memory, (void)read_only;
  // The boot share is not one of these.
  if (strncmp(tag, "vol", 3) == 0) snprintf(shares[count++ % 4], sizeof shares[0], "%s", path);
  return 0;
}

static void say(const char *what, int result) {
  char line[128];
  const int length = snprintf(line, sizeof line, "share: %s: %s\n", what, result < 0 ? strerror(errno) : "ok");
  if (write(STDERR_FILENO, line, (size_t)length) < 0) _exit(1);
}

static int make(int share, const char *name) {
  char path[300];
  snprintf(path, sizeof path, "%s/%s", shares[share], name);
  const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd >= 0) close(fd);
  return fd;
}

/**
 * In a thread of its own, as there: the signal at the monitor's death is a thread's, and lost with its user.
 */
static void *act(void *unused) {
  char path[300];
  say("root creates", make(0, "of-root"));
  snprintf(path, sizeof path, "%s/of-root", shares[0]);
  say("root gives away", lchown(path, 999, 999));
  snprintf(path, sizeof path, "%s/data", shares[0]);
  say("root makes a directory", mkdir(path, 0700));
  say("root gives the directory away", lchown(path, 999, 999));
  // The calling thread alone, as passthrough.rs does it.
  if (syscall(SYS_setresgid, -1, 999, -1) != 0 || syscall(SYS_setresuid, -1, 999, -1) != 0) {
    say("becoming 999", -1);
  } else {
    say("999 creates", make(0, "data/of-999"));
    say("999 creates where it may not", make(0, "of-999"));
    say("999 becomes root again", syscall(SYS_setresuid, -1, 0, -1) | syscall(SYS_setresgid, -1, 0, -1));
  }
  say("root reads what is 999's", access(path, R_OK | X_OK));
  if (count > 1) {
    snprintf(path, sizeof path, "%s/file", shares[1]);
    const int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    say("the file is written", fd);
    if (fd >= 0 && write(fd, "more\n", 5) == 5) close(fd);
    say("its share has another", make(1, "another"));
  }
  if (count > 2) {
    snprintf(path, sizeof path, "%s/file", shares[2]);
    say("the read-only file is read", open(path, O_RDONLY | O_CLOEXEC));
    say("the read-only file is written", open(path, O_WRONLY | O_CLOEXEC));
  }
  say("done", 0);
  return unused;
}

int32_t krun_start_enter(uint32_t context) {
  (void)context;
  pthread_t thread;
  if (pthread_create(&thread, NULL, act, NULL) != 0) say("thread", -1);
  for (;;) pause();
}
