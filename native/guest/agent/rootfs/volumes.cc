#include "volumes.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "common/sys-error.h"
#include "mount.h"
#include "volume-fill.h"

namespace mocker {
namespace {

/**
 * Where a share or a disk is attached while a part of it is looked for: of a mount that is not attached none
 * can be had.
 */
constexpr const char* partStage = "/mnt";

/** The directory of a block volume's file system that is the volume: without its `lost+found`. */
constexpr const char* diskDirectory = "data";

/** The tree at `subpath` of the directory `top`, which no link leads out of. */
Fd treeWithin(int top, const std::string& subpath) {
  struct open_how how {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const Fd inner(static_cast<int>(::syscall(SYS_openat2, top, subpath.c_str(), &how, sizeof how)));
  if (!inner) throwErrno(subpath);
  Fd tree(::open_tree(inner.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
  if (!tree) throwErrno("cannot bind " + subpath);
  return tree;
}

/** The tree at `subpath` of a detached mount. */
Fd partOf(const Fd& mount, const std::string& subpath) {
  const Fd stage(::open(partStage, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!stage) throwErrno(partStage);
  attachMount(mount, stage, partStage);
  try {
    const Fd top(::open(partStage, O_PATH | O_DIRECTORY | O_CLOEXEC));
    Fd tree = treeWithin(top.get(), subpath);
    ::umount2(partStage, MNT_DETACH);
    return tree;
  } catch (...) {
    ::umount2(partStage, MNT_DETACH);
    throw;
  }
}

/**
 * The shares that are joined in one virtio-fs device, which is mounted once: of a second mount the kernel
 * would make any of the file systems there are of this device, a share's instead of the top
 * (virtio_fs_test_super).
 */
class JoinedShares {
 public:
  JoinedShares() = default;
  JoinedShares(const JoinedShares&) = delete;
  JoinedShares& operator=(const JoinedShares&) = delete;
  ~JoinedShares() {
    if (top_) ::umount2(partStage, MNT_DETACH);
  }

  Fd open(const std::string& tag, const std::string& place) {
    if (!top_) {
      const Fd stage(::open(partStage, O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!stage) throwErrno(partStage);
      attachMount(newMount("virtiofs", {{"source", tag}}, 0), stage, partStage);
      top_ = Fd(::open(partStage, O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!top_) throwErrno(partStage);
    }
    // The kernel mounts a share within the top on the way to something in it.
    return treeWithin(top_.get(), place + "/.");
  }

 private:
  Fd top_;
};

/** `place`: the share's among those that are joined under this tag; "" for one with a device of its own. */
Fd openShare(const std::string& tag, const std::string& place, const std::string& subpath, JoinedShares& joined) {
  Fd share = place.empty() ? newMount("virtiofs", {{"source", tag}}, 0) : joined.open(tag, place);
  return subpath.empty() ? std::move(share) : partOf(share, subpath);
}

/** A block volume. What the VM may only read is mounted read-only as a whole: ext4 refuses anything else. */
Fd openDisk(const std::string& device, const std::string& subpath, Machine& machine) {
  const Fd node(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
  int readOnly = 0;
  if (!node || ::ioctl(node.get(), BLKROGET, &readOnly) != 0) throwErrno(device);
  MountOptions options{{"source", device}};
  if (readOnly != 0) options.emplace_back("ro", "");
  Fd disk = newMount("ext4", options, 0);
  Fd part = partOf(disk, subpath.empty() ? diskDirectory : diskDirectory + ("/" + subpath));
  if (readOnly == 0) machine.writableDisks.push_back(std::move(disk));
  return part;
}

Fd openDirectory(const std::string& path, const std::string& subpath) {
  if (subpath.empty()) return cloneTree(path, false);
  const Fd top(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top) throwErrno(path);
  return treeWithin(top.get(), subpath);
}

/** A tmpfs with Docker's defaults; `options` are words of mount(8), checked by the engine. */
Fd newTmpfs(const Json& mount) {
  MountOptions options;
  unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  bool hasMode = false;
  const auto words = mount.find("options");
  if (words != mount.end() && words->is_array()) {
    for (const auto& item : *words) {
      const auto word = item.is_string() ? item.get<std::string>() : std::string();
      const size_t equals = word.find('=');
      if (equals != std::string::npos) {
        hasMode = hasMode || word.compare(0, equals, "mode") == 0;
        options.emplace_back(word.substr(0, equals), word.substr(equals + 1));
      }
      if (word == "exec") attributes &= ~static_cast<unsigned>(MOUNT_ATTR_NOEXEC);
      if (word == "suid") attributes &= ~static_cast<unsigned>(MOUNT_ATTR_NOSUID);
      if (word == "dev") attributes &= ~static_cast<unsigned>(MOUNT_ATTR_NODEV);
    }
  }
  if (!hasMode) options.emplace_back("mode", "1777");
  const int64_t size = integerOr(mount, "sizeBytes", 0);
  if (size > 0) options.emplace_back("size", std::to_string(size));
  return newMount("tmpfs", options, attributes);
}

Fd openVolume(const Json& mount, const std::string& kind, Machine& machine, JoinedShares& joined) {
  const auto subpath = stringOr(mount, "subpath", "");
  if (kind == "virtiofs") {
    return openShare(stringOr(mount, "source", ""), stringOr(mount, "place", ""), subpath, joined);
  }
  if (kind == "bind") return openDirectory(stringOr(mount, "source", ""), subpath);
  if (kind == "disk") return openDisk(stringOr(mount, "source", ""), subpath, machine);
  if (kind == "tmpfs") return newTmpfs(mount);
  throw std::runtime_error("kind \"" + kind + "\" is not known");
}

void makeReadOnly(const Fd& volume) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(volume.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0) {
    throwErrno("cannot make it read-only");
  }
}

/** A new volume gets what the image has at `target`; `clear`: a start before this one was cut off in that. */
void fill(const Json& mount, const Fd& volume, const Fd& target) {
  const bool clear = flagOr(mount, "clear", false);
  const bool fills = flagOr(mount, "fill", false);
  if (!clear && !fills) return;
  const Fd to(::openat(volume.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!to) throwErrno("the volume");
  if (clear) emptyDirectory(to.get());
  if (!fills || !isEmptyDirectory(to.get())) return;
  const Fd from(::openat(target.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!from) throwErrno("the image's directory");
  try {
    copyDirectory(from.get(), to.get());
  } catch (const std::exception& error) {
    throw std::runtime_error(std::string("filling the volume: ") + error.what());
  }
}

void mountVolume(const Json& mount, const RootTree& root, Machine& machine, JoinedShares& joined) {
  const auto target = stringOr(mount, "target", "");
  if (target.empty() || target[0] != '/') throw std::runtime_error("mounts: target: must be an absolute path");
  if (target.find_first_not_of("/.") == std::string::npos) throw std::runtime_error("mounts: target: must not be /");
  try {
    const Fd volume = openVolume(mount, stringOr(mount, "kind", ""), machine, joined);
    struct stat status {};
    if (::fstat(volume.get(), &status) != 0) throwErrno("stat");
    const auto kind = S_ISDIR(status.st_mode) ? RootTree::Kind::directory : RootTree::Kind::file;
    const Fd place = root.ensure(target, kind);
    fill(mount, volume, place);
    if (flagOr(mount, "readOnly", false)) makeReadOnly(volume);
    attachMount(volume, place, target);
  } catch (const std::exception& error) {
    throw std::runtime_error("mounting " + target + ": " + error.what());
  }
}

}  // namespace

void mountVolumes(const Json& mounts, const RootTree& root, Machine& machine) {
  JoinedShares joined;
  for (const auto& mount : mounts) {
    if (!mount.is_object()) throw std::runtime_error("mounts: must be an array of objects");
    mountVolume(mount, root, machine, joined);
  }
}

}  // namespace mocker
