#include "volumes.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <stdexcept>

#include "common/sys-error.h"
#include "mount.h"

namespace mocker {
namespace {

Fd openVolume(const Json& mount, const std::string& kind) {
  const bool readOnly = flagOr(mount, "readOnly", false);
  const unsigned attributes = readOnly ? MOUNT_ATTR_RDONLY : 0;
  if (kind == "virtiofs") return newMount("virtiofs", {{"source", stringOr(mount, "source", "")}}, attributes);
  if (kind == "bind") return cloneTree(stringOr(mount, "source", ""), readOnly);
  if (kind == "tmpfs") {
    MountOptions options{{"mode", "1777"}};
    const int64_t size = integerOr(mount, "sizeBytes", 0);
    if (size > 0) options.emplace_back("size", std::to_string(size));
    return newMount("tmpfs", options, attributes | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  }
  throw std::runtime_error("kind \"" + kind + "\" is not known");
}

void mountVolume(const Json& mount, const RootTree& root) {
  const auto target = stringOr(mount, "target", "");
  if (target.empty() || target[0] != '/') throw std::runtime_error("mounts: target: must be an absolute path");
  if (target.find_first_not_of("/.") == std::string::npos) throw std::runtime_error("mounts: target: must not be /");
  try {
    const Fd volume = openVolume(mount, stringOr(mount, "kind", ""));
    struct stat status {};
    if (::fstat(volume.get(), &status) != 0) throwErrno("stat");
    const auto kind = S_ISDIR(status.st_mode) ? RootTree::Kind::directory : RootTree::Kind::file;
    attachMount(volume, root.ensure(target, kind), target);
  } catch (const std::exception& error) {
    throw std::runtime_error("mounting " + target + ": " + error.what());
  }
}

}  // namespace

void mountVolumes(const Json& mounts, const RootTree& root) {
  for (const auto& mount : mounts) {
    if (!mount.is_object()) throw std::runtime_error("mounts: must be an array of objects");
    mountVolume(mount, root);
  }
}

}  // namespace mocker
