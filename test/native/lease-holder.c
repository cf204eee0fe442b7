// Holds a write lease on a file: until this ends, or the kernel loses its patience, whoever opens or executes
// the file waits, as on a file system that does not answer.

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
  signal(SIGIO, SIG_IGN);
  const int file = open(argc == 2 ? argv[1] : "", O_RDWR);
  if (file < 0 || fcntl(file, F_SETLEASE, F_WRLCK) != 0) return perror("lease"), 1;
  if (write(1, "held\n", 5) != 5) return 1;
  for (;;) pause();
}
