// A libkrun whose guest is the test: it takes every call and then sleeps, while the test dials agent.sock.

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

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

int32_t krun_start_enter(uint32_t context) {
  (void)context;
  for (;;) pause();
}
