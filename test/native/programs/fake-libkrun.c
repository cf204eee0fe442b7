// A libkrun with nothing behind it, for tests of the loader. FAKE_NEW adds the calls that came after 1.9.
#include <stdbool.h>
#include <stdint.h>

int32_t krun_set_log_level(uint32_t level) { return (int32_t)(level - level); }
int32_t krun_create_ctx(void) { return 0; }
int32_t krun_free_ctx(uint32_t ctx) { return (int32_t)ctx; }
int32_t krun_set_vm_config(uint32_t ctx, uint8_t cpus, uint32_t memory) { return (int32_t)(ctx * cpus * memory); }
int32_t krun_set_root(uint32_t ctx, const char *path) { return path ? (int32_t)ctx : -22; }
int32_t krun_set_exec(uint32_t ctx, const char *path, const char *const argv[], const char *const envp[]) {
  return path && argv && envp ? (int32_t)ctx : -22;
}
int32_t krun_add_vsock_port(uint32_t ctx, uint32_t port, const char *path) { return path ? (int32_t)(ctx * port) : -22; }
int32_t krun_set_console_output(uint32_t ctx, const char *path) { return path ? (int32_t)ctx : -22; }
int32_t krun_add_virtiofs(uint32_t ctx, const char *tag, const char *path) { return tag && path ? (int32_t)ctx : -22; }
#ifndef FAKE_BROKEN
int32_t krun_start_enter(uint32_t ctx) { return (int32_t)ctx - 22; }
#endif
#ifdef FAKE_NEW
int32_t krun_add_disk2(uint32_t ctx, const char *id, const char *path, uint32_t format, bool ro) {
  return id && path ? (int32_t)(ctx * format * ro) : -22;
}
int32_t krun_disable_implicit_vsock(uint32_t ctx) { return (int32_t)ctx; }
int32_t krun_add_vsock(uint32_t ctx, uint32_t features) { return (int32_t)(ctx * features); }
int32_t krun_add_net_unixstream(uint32_t ctx, const char *path, int fd, const uint8_t *mac, uint32_t features, uint32_t flags) {
  return !path && fd >= 0 && mac ? (int32_t)(ctx * features * flags) : -22;
}
int32_t krun_set_kernel(uint32_t ctx, const char *path, uint32_t format, const char *initramfs, const char *line) {
  return path && line && !initramfs ? (int32_t)(ctx * format) : -22;
}
int32_t krun_has_feature(uint64_t feature) { return feature == 1; }
int32_t krun_get_max_vcpus(void) { return 12; }
#endif
