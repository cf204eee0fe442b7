// The launch specification of one VM: `vmm.json`, written by the engine, read once by mocker-vmm.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mocker {

enum class Runtime { krun, simulation };

/** A virtio-blk disk. `format` is never probed: a hostile raw disk can pretend to be another format. */
struct DiskSpec {
  enum class Format { raw, vmdk };
  std::string id;
  std::string path;
  Format format = Format::raw;
  bool readOnly = false;
};

/** A host directory given to the guest by virtio-fs under `tag`. */
struct ShareSpec {
  std::string tag;
  std::string path;
  bool readOnly = false;
};

struct KrunSpec {
  enum class Network { tsi, none };
  std::optional<std::string> libkrunPath;
  /** A libkrunfw or an ELF kernel image. */
  std::optional<std::string> kernelPath;
  uint32_t cpus = 1;
  uint32_t memoryMiB = 512;
  std::vector<DiskSpec> disks;
  /** Every extent file that the disks refer to (for the jail's allow list). */
  std::vector<std::string> diskFiles;
  std::vector<ShareSpec> shares;
  Network network = Network::none;
  /** `"hostPort:guestPort"`, as krun_set_port_map takes them. */
  std::vector<std::string> portMap;
  /** Where the guest's kernel console goes; absent: nowhere. */
  std::optional<std::string> consolePath;
};

struct SimulationSpec {
  enum class Network { host, none };
  Network network = Network::host;
  /** Directories that the agent will mount: root file system, upper, work, volume sources. */
  std::vector<std::string> paths;
};

struct LogSpec {
  uint64_t maxBytes = 64ull << 20;
  uint32_t maxFiles = 4;
};

/** Version 1 of vmm.json. Exactly the section of the chosen runtime is present. */
struct VmSpec {
  std::string vmId;
  Runtime runtime = Runtime::simulation;
  std::string stateDir;
  std::string runDir;
  std::string agentPath;
  uint32_t bootTimeoutMs = 60000;
  /** The VM is removed when it has ended (`run --rm`). */
  bool autoRemove = false;
  LogSpec log;
  std::optional<KrunSpec> krun;
  std::optional<SimulationSpec> simulation;

  std::string agentSocketPath() const { return runDir + "/agent.sock"; }
  std::string monitorSocketPath() const { return runDir + "/monitor.sock"; }
};

/**
 * Parses the text of vmm.json. Throws std::runtime_error that names the offending member: `vmm.json:
 * krun.cpus: …`.
 */
VmSpec parseVmSpec(const std::string& text);

/** Reads and parses `path`. Throws std::runtime_error; see parseVmSpec. */
VmSpec loadVmSpec(const std::string& path);

}  // namespace mocker
