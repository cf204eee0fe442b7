// Finds and loads libkrun at run time. Mocker never links to it: a user's own library, 1.9 or later, must do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mocker {

/** libkrun's C API (include/libkrun.h upstream). A null member is a call that the loaded library lacks. */
struct KrunApi {
  // In every version since 1.9: the loader refuses a library without them.
  int32_t (*set_log_level)(uint32_t level) = nullptr;
  int32_t (*create_ctx)() = nullptr;
  int32_t (*free_ctx)(uint32_t ctx) = nullptr;
  int32_t (*set_vm_config)(uint32_t ctx, uint8_t cpus, uint32_t memoryMiB) = nullptr;
  int32_t (*set_root)(uint32_t ctx, const char* path) = nullptr;
  int32_t (*set_exec)(uint32_t ctx, const char* path, const char* const argv[], const char* const envp[]) = nullptr;
  int32_t (*add_vsock_port)(uint32_t ctx, uint32_t port, const char* path) = nullptr;
  int32_t (*set_console_output)(uint32_t ctx, const char* path) = nullptr;
  int32_t (*start_enter)(uint32_t ctx) = nullptr;

  // Optional.
  int32_t (*init_log)(int fd, uint32_t level, uint32_t style, uint32_t options) = nullptr;
  int32_t (*add_disk)(uint32_t ctx, const char* id, const char* path, bool readOnly) = nullptr;
  int32_t (*add_disk2)(uint32_t ctx, const char* id, const char* path, uint32_t format, bool readOnly) = nullptr;
  int32_t (*add_virtiofs)(uint32_t ctx, const char* tag, const char* path) = nullptr;
  int32_t (*add_virtiofs3)(uint32_t ctx, const char* tag, const char* path, uint64_t shm, bool readOnly) = nullptr;
  int32_t (*add_vsock_port2)(uint32_t ctx, uint32_t port, const char* path, bool listen) = nullptr;
  int32_t (*disable_implicit_vsock)(uint32_t ctx) = nullptr;
  int32_t (*add_vsock)(uint32_t ctx, uint32_t tsiFeatures) = nullptr;
  int32_t (*add_net_unixstream)(uint32_t ctx, const char* path, int fd, const uint8_t* mac, uint32_t features,
                                uint32_t flags) = nullptr;
  int32_t (*disable_implicit_init)(uint32_t ctx) = nullptr;
  int32_t (*set_kernel)(uint32_t ctx, const char* path, uint32_t format, const char* initramfs,
                        const char* commandLine) = nullptr;
  int (*has_feature)(uint64_t feature) = nullptr;
  int32_t (*get_max_vcpus)() = nullptr;
};

/** A loaded libkrun with its guest kernel. Unloads both when destroyed. */
class Libkrun {
 public:
  /**
   * Loads libkrun and finds its guest kernel: a libkrunfw, which is loaded too (libkrun then finds it by its
   * soname, even in a jail where no library can be opened any more), or a kernel image, which libkrun reads
   * when a VM starts.
   *
   * @param krunPath   an absolute path (nothing else is tried), or nothing: `bundledDir`, then the system's
   * @param kernelPath an absolute path of a libkrunfw or of an ELF kernel image, or nothing: the libkrunfw
   *                   beside a chosen libkrun, then `vmlinux` or libkrunfw in `bundledDir`, then the system's
   *                   libkrunfw
   * @param bundledDir where Mocker's own libraries are; empty: none
   * @throws std::runtime_error that names what was tried and why each failed
   */
  static Libkrun load(const std::optional<std::string>& krunPath, const std::optional<std::string>& kernelPath,
                      const std::string& bundledDir);

  Libkrun(Libkrun&& other) noexcept;
  Libkrun& operator=(Libkrun&& other) noexcept;
  Libkrun(const Libkrun&) = delete;
  Libkrun& operator=(const Libkrun&) = delete;
  ~Libkrun();

  const KrunApi& api() const { return api_; }
  /** The file that was loaded, symbolic links resolved. */
  const std::string& path() const { return path_; }
  /** The guest kernel: the libkrunfw that was loaded, or a kernel image. */
  const std::string& kernelPath() const { return kernelPath_; }
  /** Whether the kernel is an image, for krun_set_kernel. */
  bool kernelIsImage() const { return krunfw_.empty(); }

  /**
   * `1.17.4` from the file's name or from the versions.json beside it, or `≥ 1.17` from the calls it has:
   * libkrun cannot be asked.
   */
  std::string version() const;

  /** Names of what this library can do: `net`, `blk`, `vmdk`, `network-cards`, `read-only-shares`, … */
  std::vector<std::string> features() const;

  /** Features that this library lacks, each with what would give it: {"vmdk", "libkrun 1.17"}. */
  std::vector<std::pair<std::string, std::string>> missing() const;

  /** The largest number of CPUs of a VM; 0 if the library cannot tell (needs 1.15 and a usable /dev/kvm). */
  uint32_t maxVcpus() const;

 private:
  Libkrun() = default;
  void loadLibrary(const std::optional<std::string>& krunPath, const std::string& bundledDir);
  void findKernel(const std::optional<std::string>& krunPath, const std::optional<std::string>& kernelPath,
                  const std::string& bundledDir);
  void* krun_ = nullptr;
  std::vector<void*> krunfw_;
  KrunApi api_;
  std::string path_;
  std::string kernelPath_;
};

}  // namespace mocker
