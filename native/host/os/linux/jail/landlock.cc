#include "landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "common/fd.h"
#include "common/sys-error.h"

namespace mocker {
namespace {

// linux/landlock.h, written out because a distribution's header may be older than the kernel.
constexpr uint64_t execute = 1 << 0;
constexpr uint64_t writeFile = 1 << 1;
constexpr uint64_t readFile = 1 << 2;
constexpr uint64_t readDir = 1 << 3;
constexpr uint64_t firstVersion = (1 << 13) - 1;
constexpr uint64_t refer = 1 << 13;     // 2
constexpr uint64_t truncate = 1 << 14;  // 3
constexpr uint64_t ioctlDevice = 1 << 15;  // 5
constexpr uint64_t bindTcp = 1 << 0;    // 4
constexpr uint64_t connectTcp = 1 << 1;
constexpr uint64_t scopeAbstractSockets = 1 << 0;  // 6
constexpr uint64_t scopeSignals = 1 << 1;

struct RulesetAttributes {
  uint64_t files;
  uint64_t network;
  uint64_t scoped;
};

/** What may be ruled on when the path is not a directory. */
constexpr uint64_t fileRights = execute | writeFile | readFile | truncate | ioctlDevice;

}  // namespace

LandlockResult enterLandlockDomain(const std::vector<LandlockRule>& rules, bool withoutNetwork, int leastVersion) {
  const auto version =
      static_cast<int>(syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
  if (version < 0) return {false, false, errnoWords(errno)};
  if (version < leastVersion) return {false, false, "version " + std::to_string(version) + " is too old"};

  uint64_t handled = firstVersion;
  if (version >= 2) handled |= refer;
  if (version >= 3) handled |= truncate;
  if (version >= 5) handled |= ioctlDevice;
  RulesetAttributes attributes{handled, 0, 0};
  size_t size = sizeof attributes.files;
  if (version >= 4) {
    size += sizeof attributes.network;
    if (withoutNetwork) attributes.network = bindTcp | connectTcp;
  }
  if (version >= 6) {
    size += sizeof attributes.scoped;
    attributes.scoped = scopeSignals | scopeAbstractSockets;
  }
  const Fd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (!ruleset) return {false, false, errnoWords(errno)};

  for (const auto& rule : rules) {
    const Fd path(open(rule.path.c_str(), O_PATH | O_CLOEXEC));
    struct stat status {};
    if (!path || fstat(path.get(), &status) != 0) throwErrno(rule.path);
    uint64_t allowed = rule.readOnly ? readFile | readDir | execute : handled & ~ioctlDevice;
    if (rule.device) allowed |= ioctlDevice;
    if (!S_ISDIR(status.st_mode)) allowed &= fileRights;
    landlock_path_beneath_attr beneath{};
    beneath.allowed_access = allowed & handled;
    beneath.parent_fd = path.get();
    if (syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0) {
      throwErrno("Landlock rule for " + rule.path);
    }
  }
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return {false, false, errnoWords(errno)};
  }
  return {true, version >= 6, "version " + std::to_string(version)};
}

}  // namespace mocker
