/* First process of the floor's guest: runs /bin/true and powers off; or, where /hold is, stays. Static, since
 * it runs in any image. */
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  int status;
  pid_t child;
  if (access("/hold", F_OK) == 0) {
    write(1, "ran\n", 4);
    for (;;) pause();
  }
  child = fork();
  if (child == 0) {
    execl("/bin/true", "true", (char *)0);
    _exit(127);
  }
  if (waitpid(child, &status, 0) == child && status == 0) write(1, "ran\n", 4);
  /* x86: libkrun ends a VM on reset, not on power off. */
  reboot(RB_AUTOBOOT);
  return 1;
}
