// A libkrun whose guest is the test: it takes every call and then sleeps, while the test dials agent.sock.
// Where the VM has cards it says first, on stderr, what its process can still reach, and sends a frame over
// each card.

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { maxCards = 8, macBytes = 6, frameBytes = 60 };
static struct {
  int fd;
  uint8_t mac[macBytes];
} cards[maxCards];
static int cardCount;
static uint32_t tsiFeatures = ~0u;

int32_t krun_set_log_level(uint32_t level) { return (void)level, 0; }
int32_t krun_create_ctx(void) { return 0; }
int32_t krun_free_ctx(uint32_t context) { return (void)context, 0; }
int32_t krun_set_vm_config(uint32_t context, uint8_t cpus, uint32_t memory) { return (void)context, (void)cpus, (void)memory, 0; }
int32_t krun_set_root(uint32_t context, const char *path) { return (void)context, (void)path, 0; }
int32_t krun_set_exec(uint32_t context, const char *path, const char *const argv[], const char *const envp[]) {
  return (void)context, (void)path, (void)argv, (void)envp, 0;
}
int32_t krun_add_vsock_port(uint32_t context, uint32_t port, const char *path) { return (void)context, (void)port, (void)path, 0; }
int32_t krun_set_console_output(uint32_t context, const char *path) { return (void)context, (void)path, 0; }
int32_t krun_disable_implicit_vsock(uint32_t context) { return (void)context, 0; }
int32_t krun_add_vsock(uint32_t context, uint32_t features) {
  tsiFeatures = features;
  return (void)context, 0;
}

int32_t krun_add_net_unixstream(uint32_t context, const char *path, int fd, const uint8_t *mac, uint32_t features, uint32_t flags) {
  (void)context;
  if (path || fd < 0 || cardCount == maxCards || features != 0x82 || flags != 0) return -EINVAL;
  cards[cardCount].fd = fd;
  memcpy(cards[cardCount++].mac, mac, macBytes);
  return 0;
}

static int result(int value) { return value < 0 ? errno : 0; }

static void report(void) {
  fprintf(stderr, "reach: AF_INET %d AF_INET6 %d AF_UNIX %d listen %d tsi %u\n", result(socket(AF_INET, SOCK_DGRAM, 0)),
          result(socket(AF_INET6, SOCK_STREAM, 0)), result(socket(AF_UNIX, SOCK_STREAM, 0)),
          result(listen(socket(AF_UNIX, SOCK_STREAM, 0), 1)), tsiFeatures);
  for (int i = 0; i < cardCount; ++i) {
    uint8_t message[4 + frameBytes] = {0, 0, 0, frameBytes, 255, 255, 255, 255, 255, 255};
    memcpy(message + 10, cards[i].mac, macBytes);
    if (write(cards[i].fd, message, sizeof message) != sizeof message) perror("a card");
  }
}

int32_t krun_start_enter(uint32_t context) {
  (void)context;
  if (cardCount > 0) report();
  for (;;) pause();
}
