// What contains mocker-vmm's child once a guest runs in it. libkrun does not: its virtio-fs serves a hostile
// guest kernel whatever the process can open, and a hole in any device is a hole into this process.
#pragma once

#include <string>
#include <vector>

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
};

/**
 * Enters the jail, from the outside in: user namespace (unless root), mount, IPC, UTS and maybe network
 * namespaces, a root of nothing but the plan's entries, no capabilities but those that virtio-fs needs, no
 * new privileges, Landlock, seccomp. What the host does not allow is left out and said: every layer is of use
 * without the others.
 */
class Jail {
 public:
  explicit Jail(JailPlan plan) : plan_(std::move(plan)) {}

  /**
   * Namespaces and the new root. Libraries must be loaded and descriptors opened before.
   * @returns false if the host allows no mount namespace: then paths are still the host's
   * @throws SysError if an entry does not exist, or the root cannot be built half way
   */
  bool enterNamespaces();

  /**
   * Everything that cannot be undone: capabilities, limits, Landlock, seccomp. Before any thread is started.
   * @param boot the directory of the guest's boot file system, as this process now sees it
   */
  void restrict(const std::string& boot);

  /** One line for the log: which layers are active and which are not, with the reason. */
  std::string summary() const;

 private:
  bool enterUserNamespace();
  void buildRoot();
  void dropCapabilities();
  void setLimits();
  void enterLandlock(const std::string& boot);
  void enterSeccomp();
  bool hasKind(JailEntry::Kind kind) const;
  std::string pathOf(const JailEntry& entry) const { return pivoted_ ? entry.inside : entry.source; }

  JailPlan plan_;
  bool pivoted_ = false;
  std::vector<std::string> active_;
  std::vector<std::string> absent_;
};

}  // namespace mocker
