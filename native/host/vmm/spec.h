// The launch specification of one VM: `vmm.json`, written by the engine, read once by mocker-vmm.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
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

/** A network process of the VM's own, which the monitor starts. */
struct PasstSpec {
  std::string path;
  /** Beside `--fd`. */
  std::vector<std::string> arguments;
};

/** A network card: a connection to the process of its network, which carries Ethernet frames. */
struct CardSpec {
  /** Where that process takes cards; empty with passt. */
  std::string socketPath;
  /** Which of the network's endpoints this card is. */
  std::string endpointId;
  std::array<uint8_t, 6> mac{};
  /** What the network is called; for messages. */
  std::string networkName;
  std::optional<PasstSpec> passt;
};

/** A VM's cards are few: each has a device and a thread in the VMM. */
constexpr size_t maxCards = 8;

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
  /**
   * One virtio-fs device has all shares, as directories named by their place: "0", "1", …; absent: each has a
   * device of its own, with the share's tag.
   */
  std::optional<std::string> joinedTag;
  /** What a VM without cards has. */
  Network network = Network::none;
  /** The VM runs even where the host lets its process have no root of its own. */
  bool weakJail = false;
  /** Where the guest's kernel console goes; absent: nowhere. */
  std::optional<std::string> consolePath;
};

struct SimulationSpec {
  enum class Network { host, none };
  /** What a VM without cards has. */
  Network network = Network::host;
  /** Root's workloads may have the host's ids where they can have none of their own. */
  bool hostIds = false;
  /** Directories that the agent will mount: root file system, upper, work, volume sources. */
  std::vector<std::string> paths;
};

struct LogSpec {
  uint64_t maxBytes = 64ull << 20;
  uint32_t maxFiles = 4;
  /** False: the output goes to no log. */
  bool kept = true;
};

/** What the VM's own processes may use of the host together. */
struct CgroupSpec {
  /** Where their cgroup is made, in a directory of this user's; empty: they get none. */
  std::string path;
  /** Its files, and what is written to each: `memory.max`, `1073741824`. */
  std::vector<std::pair<std::string, std::string>> limits;
  /** Why they get none. */
  std::string problem;
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
  /** In the order of the guest's eth0, eth1, … */
  std::vector<CardSpec> cards;
  std::optional<CgroupSpec> cgroup;
  std::optional<KrunSpec> krun;
  std::optional<SimulationSpec> simulation;

  /** Whether the workload's sockets are the host's: by TSI, or in the host's network namespace. */
  bool hasHostNetwork() const {
    if (!cards.empty()) return false;
    return krun ? krun->network == KrunSpec::Network::tsi : simulation->network == SimulationSpec::Network::host;
  }

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
