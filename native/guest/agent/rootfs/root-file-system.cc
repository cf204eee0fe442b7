#include "root-file-system.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "common/sys-error.h"

namespace mocker {
namespace {

/** PROC_USER_INIT_INO of the kernel's include/linux/proc_ns.h, which is part of its interface. */
constexpr ino_t initialUserNamespace = 0xEFFFFFFDu;

void mountAt(const std::string& source, const std::string& target, const char* type, unsigned long flags,
             const std::string& options) {
  if (::mount(source.c_str(), target.c_str(), type, flags, options.c_str()) != 0) {
    throwErrno("cannot mount " + source + " (" + type + ")");
  }
}

std::string need(const Json& rootfs, const char* key) {
  auto value = stringOr(rootfs, key, "");
  if (value.empty() || value[0] != '/') {
    throw std::runtime_error(std::string("rootfs.") + key + ": must be an absolute path");
  }
  return value;
}

/** A path as an overlayfs option: `:`, `,` and the backslash itself are special there. */
std::string escaped(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '\\' || c == ':' || c == ',') out += '\\';
    out += c;
  }
  return out;
}

/**
 * A tmpfs to hang the machine's disks into: the boot root is read-only and has nothing but a few empty
 * directories.
 */
std::string mountStage() {
  for (const char* directory : {"/newroot", "/run", "/mnt", "/tmp", "/sys"}) {
    struct stat status {};
    if (::lstat(directory, &status) != 0 || !S_ISDIR(status.st_mode)) continue;
    if (::mount("stage", directory, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=700") == 0) return directory;
  }
  throwErrno("cannot mount a tmpfs on any directory of the boot root");
}

/**
 * The disks' nodes, unless the kernel has mounted them by itself (CONFIG_DEVTMPFS_MOUNT) or another init has.
 */
void provideDevices(const std::string& disk) {
  if (::access(disk.c_str(), F_OK) == 0) return;
  if (::mount("dev", "/dev", "devtmpfs", MS_NOSUID, "") != 0) throwErrno("cannot mount devtmpfs for " + disk);
}

Fd openDirectory(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throwErrno(path);
  return fd;
}

std::string mountDisks(const Json& rootfs, Machine& machine) {
  provideDevices(need(rootfs, "lower"));
  const std::string stage = mountStage();
  const std::string lower = stage + "/lower";
  const std::string disk = stage + "/disk";
  const std::string root = stage + "/root";
  for (const auto& directory : {lower, disk, root}) {
    if (::mkdir(directory.c_str(), 0755) != 0) throwErrno(directory);
  }
  mountAt(need(rootfs, "lower"), lower, stringOr(rootfs, "lowerType", "erofs").c_str(), MS_RDONLY, "");
  mountAt(need(rootfs, "upper"), disk, stringOr(rootfs, "upperType", "ext4").c_str(), MS_NOATIME, "");
  const std::string upper = disk + "/upper";
  const std::string work = disk + "/work";
  if (::mkdir(work.c_str(), 0755) != 0 && errno != EEXIST) throwErrno(work);
  if (::mkdir(upper.c_str(), 0755) == 0) {
    // "/" of an overlay is the upper directory: it must look like the image's.
    struct stat image {};
    if (::stat(lower.c_str(), &image) != 0 || ::chown(upper.c_str(), image.st_uid, image.st_gid) != 0 ||
        ::chmod(upper.c_str(), image.st_mode & 07777) != 0) {
      throwErrno(upper);
    }
  } else if (errno != EEXIST) {
    throwErrno(upper);
  }
  machine.writableDisks.emplace_back(::open(disk.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  machine.image = openDirectory(lower);
  machine.changes = openDirectory(upper);
  // What was changed is to be read in the upper directory alone.
  const std::string whole = ",redirect_dir=off,metacopy=off";
  mountAt("overlay", root, "overlay", 0, "lowerdir=" + lower + ",upperdir=" + upper + ",workdir=" + work + whole);
  return root;
}

std::string mountDirectories(const Json& rootfs, Machine& machine) {
  const std::string lower = need(rootfs, "lower");
  const std::string upper = need(rootfs, "upper");
  const std::string work = need(rootfs, "work");
  // A machine's files that are only looked at lie above the image, below an upper directory of their own.
  const auto middle = stringOr(rootfs, "middle", "");
  const std::string lowers = (middle.empty() ? "" : escaped(need(rootfs, "middle")) + ":") + escaped(lower);
  machine.image = openDirectory(lower);
  machine.changes = openDirectory(middle.empty() ? upper : middle);
  std::string options = "lowerdir=" + lowers + ",upperdir=" + escaped(upper) + ",workdir=" + escaped(work);
  // In a user namespace overlayfs may keep its marks only in user.* attributes (Linux 5.11+).
  struct stat space {};
  if (::stat("/proc/self/ns/user", &space) == 0 && space.st_ino != initialUserNamespace) options += ",userxattr";
  // On the upper directory itself, which the overlay holds on its own: no further mount point is needed.
  if (::mount("overlay", upper.c_str(), "overlay", 0, options.c_str()) != 0) {
    const int error = errno;
    std::string why = "cannot join the image and the writable layer with overlayfs";
    if (error == EPERM) why += " (this kernel does not let an ordinary user mount it; Linux 5.11 or later does)";
    if (error == EINVAL) why += " (the file system of " + upper + " may not be usable as an overlay's upper layer)";
    if (error == ENODEV) why += " (the kernel has no overlayfs)";
    throwErrno(why, error);
  }
  return upper;
}

}  // namespace

std::string mountRoot(const Json& rootfs, Machine& machine) {
  const auto kind = stringOr(rootfs, "kind", "");
  if (kind == "disks") return mountDisks(rootfs, machine);
  if (kind == "overlay") return mountDirectories(rootfs, machine);
  throw std::runtime_error("rootfs.kind: must be \"disks\" or \"overlay\"");
}

void switchRoot(const std::string& mountPoint) {
  if (::chdir(mountPoint.c_str()) != 0) throwErrno(mountPoint);
  // libkrun's own init, which starts us where it cannot be left out (before 1.19), leaves "/" shared: neither
  // way below works then.
  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  // pivot_root(".", "."): the old root ends up stacked on the new one, and is detached from there (see
  // pivot_root(2)).
  if (::syscall(SYS_pivot_root, ".", ".") == 0) {
    if (::umount2(".", MNT_DETACH) != 0) throwErrno("cannot detach the old root");
  } else {
    // The initial ramfs cannot be pivoted away: move over it, as switch_root(8) does.
    if (errno != EINVAL) throwErrno("pivot_root");
    if (::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0) throwErrno("cannot move the root file system to /");
    if (::chroot(".") != 0) throwErrno("chroot");
  }
  if (::chdir("/") != 0) throwErrno("/");
}

}  // namespace mocker
