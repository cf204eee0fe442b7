#include "libkrun.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string_view>

#include <nlohmann/json.hpp>

namespace mocker {
namespace {

constexpr const char* krunSoname = "libkrun.so.1";
// The generations of the guest kernel library that libkrun 1.9 and later have asked for.
constexpr const char* krunfwSonames[] = {"libkrunfw.so.5", "libkrunfw.so.4"};
/** Mocker's own guest kernel, where it comes as an image. */
constexpr const char* kernelImageName = "vmlinux";

std::string lastDlError() {
  const char* error = dlerror();
  return error ? error : "unknown error";
}

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

/** Whether a file is an ELF executable: a libkrunfw is a shared object. */
bool isKernelImage(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char header[18] = {};
  if (!file.read(header, sizeof header)) return false;
  // e_type, little-endian: ET_EXEC.
  return std::string_view(header, 4) == "\177ELF" && header[16] == 2 && header[17] == 0;
}

/**
 * The file behind a loaded symbol, symbolic links resolved: `dlopen("libkrun.so.1")` does not say what it
 * found.
 */
std::string fileOf(const void* symbol, const std::string& fallback) {
  Dl_info info{};
  const char* name = dladdr(symbol, &info) && info.dli_fname ? info.dli_fname : fallback.c_str();
  char resolved[PATH_MAX];
  return realpath(name, resolved) ? resolved : name;
}

template <typename Fn>
bool bind(void* library, const char* name, Fn*& target) {
  target = reinterpret_cast<Fn*>(dlsym(library, name));
  return target != nullptr;
}

template <typename Fn>
void bindNeeded(void* library, const char* name, Fn*& target) {
  if (!bind(library, name, target)) {
    throw std::runtime_error(std::string("it has no ") + name + ": Mocker needs libkrun 1.9 or later");
  }
}

KrunApi bindAll(void* library) {
  KrunApi api;
  bindNeeded(library, "krun_set_log_level", api.set_log_level);
  bindNeeded(library, "krun_create_ctx", api.create_ctx);
  bindNeeded(library, "krun_free_ctx", api.free_ctx);
  bindNeeded(library, "krun_set_vm_config", api.set_vm_config);
  bindNeeded(library, "krun_set_root", api.set_root);
  bindNeeded(library, "krun_set_exec", api.set_exec);
  bindNeeded(library, "krun_add_vsock_port", api.add_vsock_port);
  bindNeeded(library, "krun_set_console_output", api.set_console_output);
  bindNeeded(library, "krun_start_enter", api.start_enter);
  bind(library, "krun_init_log", api.init_log);
  bind(library, "krun_add_disk", api.add_disk);
  bind(library, "krun_add_disk2", api.add_disk2);
  bind(library, "krun_add_virtiofs", api.add_virtiofs);
  bind(library, "krun_add_virtiofs3", api.add_virtiofs3);
  bind(library, "krun_add_vsock_port2", api.add_vsock_port2);
  bind(library, "krun_disable_implicit_vsock", api.disable_implicit_vsock);
  bind(library, "krun_add_vsock", api.add_vsock);
  bind(library, "krun_add_net_unixstream", api.add_net_unixstream);
  bind(library, "krun_disable_implicit_init", api.disable_implicit_init);
  bind(library, "krun_set_kernel", api.set_kernel);
  bind(library, "krun_has_feature", api.has_feature);
  bind(library, "krun_get_max_vcpus", api.get_max_vcpus);
  return api;
}

/** Compile-time features, with their numbers in krun_has_feature (include/libkrun.h). */
struct BuildFeature {
  const char* name;
  uint64_t number;
};
constexpr BuildFeature buildFeatures[] = {{"net", 0}, {"blk", 1},   {"gpu", 2}, {"snd", 3},
                                          {"input", 4}, {"efi", 5}, {"tee", 6}};

/** What Mocker uses beyond 1.9, how to tell that the library has it, and which version brought it. */
struct CallFeature {
  const char* name;
  const char* since;
  bool (*present)(const KrunApi&);
};
constexpr CallFeature callFeatures[] = {
    {"disks", "1.9 built with BLK=1", [](const KrunApi& a) { return a.add_disk2 || a.add_disk; }},
    // The format number is checked only when the VM is built; has_feature and VMDK support are of the same
    // release.
    {"vmdk", "1.17", [](const KrunApi& a) { return a.add_disk2 && a.add_vsock; }},
    {"shares", "1.9", [](const KrunApi& a) { return a.add_virtiofs || a.add_virtiofs3; }},
    {"read-only-shares", "1.18", [](const KrunApi& a) { return a.add_virtiofs3 != nullptr; }},
    {"network-none", "1.17", [](const KrunApi& a) { return a.disable_implicit_vsock && a.add_vsock; }},
    // Beside a card the implicit vsock device, which brings TSI along, must be left out.
    {"network-cards", "1.17 built with NET=1",
     [](const KrunApi& a) { return a.add_net_unixstream && a.disable_implicit_vsock && a.add_vsock; }},
    {"own-init", "1.19", [](const KrunApi& a) { return a.disable_implicit_init != nullptr; }},
    {"max-vcpus", "1.15", [](const KrunApi& a) { return a.get_max_vcpus != nullptr; }},
    {"feature-query", "1.17", [](const KrunApi& a) { return a.has_feature != nullptr; }},
};

}  // namespace

Libkrun Libkrun::load(const std::optional<std::string>& krunPath, const std::optional<std::string>& kernelPath,
                      const std::string& bundledDir) {
  Libkrun loaded;
  loaded.loadLibrary(krunPath, bundledDir);
  loaded.findKernel(krunPath, kernelPath, bundledDir);
  return loaded;
}

void Libkrun::loadLibrary(const std::optional<std::string>& krunPath, const std::string& bundledDir) {
  std::vector<std::string> libraries;
  if (krunPath) {
    libraries.push_back(*krunPath);
  } else {
    const auto bundled = bundledDir + "/" + krunSoname;
    if (!bundledDir.empty() && exists(bundled)) libraries.push_back(bundled);
    libraries.push_back(krunSoname);
  }
  std::string tried;
  for (const auto& name : libraries) {
    void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      tried += "\n  " + lastDlError();
      continue;
    }
    try {
      api_ = bindAll(library);
    } catch (const std::runtime_error& error) {
      tried += "\n  " + name + ": " + error.what();
      dlclose(library);
      continue;
    }
    krun_ = library;
    path_ = fileOf(reinterpret_cast<const void*>(api_.create_ctx), name);
    return;
  }
  throw std::runtime_error("libkrun cannot be loaded:" + tried);
}

void Libkrun::findKernel(const std::optional<std::string>& krunPath, const std::optional<std::string>& kernelPath,
                         const std::string& bundledDir) {
  std::string tried;
  // Global: libkrun looks its kernel up again by soname and must get this one.
  const auto loadKernel = [&](const std::string& name) {
    void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
      tried += "\n  " + lastDlError();
      return false;
    }
    krunfw_.push_back(library);
    if (kernelPath_.empty()) {
      const void* symbol = dlsym(library, "krunfw_get_kernel");
      kernelPath_ = symbol ? fileOf(symbol, name) : name;
    }
    return true;
  };
  if (kernelPath) {
    if (isKernelImage(*kernelPath)) {
      if (!api_.set_kernel) {
        throw std::runtime_error("libkrun (" + path_ + ") cannot boot the kernel image " + *kernelPath +
                                 ": it has no krun_set_kernel");
      }
      kernelPath_ = *kernelPath;
      return;
    }
    loadKernel(*kernelPath);
  } else {
    // A library that somebody chose may have its kernel beside it.
    const auto chosenDir = krunPath ? krunPath->substr(0, krunPath->rfind('/')) : std::string();
    const auto image = bundledDir + "/" + kernelImageName;
    const bool bundledImage = api_.set_kernel && !bundledDir.empty() && exists(image);
    // One of each generation, because only libkrun knows which it will ask for.
    for (const char* soname : krunfwSonames) {
      const auto loadFrom = [&](const std::string& dir) {
        const auto file = dir + "/" + soname;
        return !dir.empty() && exists(file) && loadKernel(file);
      };
      if (!loadFrom(chosenDir) && !bundledImage && !loadFrom(bundledDir)) loadKernel(soname);
    }
    if (krunfw_.empty() && bundledImage) {
      kernelPath_ = image;
      return;
    }
  }
  if (krunfw_.empty()) throw std::runtime_error("the guest kernel library (libkrunfw) cannot be loaded:" + tried);
}

Libkrun::Libkrun(Libkrun&& other) noexcept
    : krun_(std::exchange(other.krun_, nullptr)),
      krunfw_(std::move(other.krunfw_)),
      api_(std::exchange(other.api_, {})),
      path_(std::move(other.path_)),
      kernelPath_(std::move(other.kernelPath_)) {}

Libkrun& Libkrun::operator=(Libkrun&& other) noexcept {
  std::swap(krun_, other.krun_);
  std::swap(krunfw_, other.krunfw_);
  std::swap(api_, other.api_);
  std::swap(path_, other.path_);
  std::swap(kernelPath_, other.kernelPath_);
  return *this;
}

Libkrun::~Libkrun() {
  if (krun_) dlclose(krun_);
  for (void* library : krunfw_) dlclose(library);
}

std::string Libkrun::version() const {
  const auto slash = path_.rfind('/');
  const auto so = path_.find(".so.", slash == std::string::npos ? 0 : slash);
  if (so != std::string::npos) {
    const auto suffix = path_.substr(so + 4);
    if (suffix.find('.') != std::string::npos && suffix.find_first_not_of("0123456789.") == std::string::npos) {
      return suffix;
    }
  }
  if (slash != std::string::npos) {
    std::ifstream file(path_.substr(0, slash) + "/versions.json");
    const auto versions = nlohmann::json::parse(file, nullptr, false);
    if (versions.is_object() && versions.contains("libkrun") && versions["libkrun"].is_string()) {
      return versions["libkrun"].get<std::string>();
    }
  }
  const char* least = api_.disable_implicit_init    ? "1.19"
                      : api_.add_virtiofs3          ? "1.18"
                      : api_.disable_implicit_vsock ? "1.17"
                      : api_.get_max_vcpus          ? "1.15"
                                                    : "1.9";
  return std::string("≥ ") + least;
}

std::vector<std::string> Libkrun::features() const {
  std::vector<std::string> names;
  for (const auto& feature : callFeatures) {
    if (feature.present(api_)) names.emplace_back(feature.name);
  }
  if (api_.has_feature) {
    for (const auto& feature : buildFeatures) {
      if (api_.has_feature(feature.number) == 1) names.emplace_back(feature.name);
    }
  } else if (api_.add_disk || api_.add_disk2) {
    names.emplace_back("blk");  // the call is compiled in only with the feature
  }
  return names;
}

std::vector<std::pair<std::string, std::string>> Libkrun::missing() const {
  std::vector<std::pair<std::string, std::string>> names;
  for (const auto& feature : callFeatures) {
    if (!feature.present(api_)) names.emplace_back(feature.name, std::string("libkrun ") + feature.since);
  }
  if (api_.has_feature) {
    for (const auto& feature : buildFeatures) {
      if (api_.has_feature(feature.number) == 1) continue;
      std::string flag = feature.name;
      std::transform(flag.begin(), flag.end(), flag.begin(), [](unsigned char c) { return std::toupper(c); });
      names.emplace_back(feature.name, "a libkrun built with " + flag + "=1");
    }
  }
  return names;
}

uint32_t Libkrun::maxVcpus() const {
  if (!api_.get_max_vcpus) return 0;
  const int32_t count = api_.get_max_vcpus();
  return count > 0 ? static_cast<uint32_t>(count) : 0;
}

}  // namespace mocker
