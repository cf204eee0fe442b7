// What contains mocker-vmm's child once a guest runs in it. libkrun does not: its virtio-fs serves a hostile
// guest kernel whatever the process can open, and a hole in any device is a hole into this process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "jail-report.h"
#include "syscall-filter.h"

namespace mocker {

/** A file, directory or device that stays reachable, at `inside` of the jail's root. */
struct JailEntry {
  enum class Kind { disk, share, program, device, socket };
  std::string source;
  std::string inside;
  Kind kind = Kind::disk;
  bool readOnly = true;
  /** A share of one file: the share is the directory of `inside`, which has nothing else. */
  bool isOnlyFile = false;
};

struct JailPlan {
  std::vector<JailEntry> entries;
  /** Empty directories, for mount points of the guest. */
  std::vector<std::string> directories;
  /** Any existing directory of ours: the new root is built over it, in our own mount namespace only. */
  std::string attachPoint;
  /** The guest does not use the host's network: neither does this process. */
  bool withoutNetwork = true;
  /** Which system calls are left to it. */
  Calls calls = Calls::anyLibkrun;
  /** The most descriptors that this process may have. */
  uint64_t openFiles = 65536;
  /** The largest that a file may grow; nothing: any size, as on a share. */
  std::optional<uint64_t> fileBytes;
};

/**
 * Enters the jail, from the outside in: mount, IPC, UTS and maybe network namespaces, a root of nothing but
 * the plan's entries, limits, no new privileges, no capabilities but those that virtio-fs needs, Landlock,
 * seccomp. The user and the PID namespace are entered before, by the fork. What the host does not allow is
 * left out and reported: every layer is of use without the others, and it is the caller's to judge.
 */
class Jail {
 public:
  explicit Jail(JailPlan plan, JailReport report = {}) : plan_(std::move(plan)), report_(std::move(report)) {}

  /**
   * Namespaces and the new root. Libraries must be loaded and descriptors opened before.
   * @returns 0, or the errno where the host allows no mount namespace: then paths are still the host's
   * @throws SysError if an entry does not exist, or the root cannot be built half way
   */
  int enterNamespaces();

  /**
   * Everything that cannot be undone: limits, capabilities, Landlock, seccomp. Before any thread is started.
   * @param boot the directory of the guest's boot file system, as this process now sees it
   */
  void restrict(const std::string& boot);

  /** Which layers are active and which are not, with the reason. */
  const JailReport& report() const { return report_; }

 private:
  void buildRoot();
  void setLimits();
  void dropCapabilities();
  void enterLandlock(const std::string& boot);
  void enterSeccomp();
  bool hasKind(JailEntry::Kind kind) const;
  std::string pathOf(const JailEntry& entry) const { return pivoted_ ? entry.inside : entry.source; }

  JailPlan plan_;
  JailReport report_;
  bool pivoted_ = false;
};

}  // namespace mocker
