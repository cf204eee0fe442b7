#include "kernel-file-systems.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <stdexcept>
#include <string>

#include "common/sys-error.h"
#include "mount.h"

namespace mocker {
namespace {

constexpr unsigned inert = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

Fd mountDirectory(const RootTree& root, const Fd& mount, const std::string& path) {
  attachMount(mount, root.ensure(path, RootTree::Kind::directory), path);
  return root.ensure(path, RootTree::Kind::directory);
}

/** A link there could put the mount over anything else in the image; runc refuses it, too. */
void requireOrdinary(const RootTree& root, const char* name) {
  struct stat status {};
  if (::fstatat(root.fd(), name, &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(status.st_mode)) {
    throw std::runtime_error(std::string("/") + name + ": is not an ordinary directory in the image");
  }
}

/** Mounts what only some kernels offer and no program insists on. */
void mountIfOffered(const RootTree& root, const char* type, const std::string& path, unsigned attributes) {
  try {
    mountDirectory(root, newMount(type, {}, attributes), path);
  } catch (const SysError&) {
  }
}

/** Binds what `at` refers to over itself, read-only. */
void makeReadOnly(const Fd& at, const std::string& name) {
  Fd tree(::open_tree(at.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (!tree || ::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    throwErrno("cannot make " + name + " read-only");
  }
  attachMount(tree, at, name);
}

/** Puts an empty directory, or /dev/null, in the place of what `at` refers to. */
void mask(const Fd& at, const std::string& name) {
  struct stat status {};
  if (::fstat(at.get(), &status) != 0) throwErrno(name);
  if (!S_ISDIR(status.st_mode)) return attachMount(cloneTree("/dev/null", false), at, name);
  attachMount(newMount("tmpfs", {{"size", "0"}}, inert | MOUNT_ATTR_RDONLY), at, name);
}

void maskSys(const Fd& sys) {
  for (const char* name : {"firmware", "devices/virtual/powercap"}) {
    const Fd at(::openat(sys.get(), name, O_PATH | O_CLOEXEC));
    if (at) mask(at, std::string("/sys/") + name);
  }
}

void mountProc(const RootTree& root, Machine& machine) {
  machine.proc = mountDirectory(root, newMount("proc", {}, inert), "/proc");
  if (!machine.simulation) return;
  // The kernel is the host's: what Docker shows of it to no container, or lets none write.
  for (const char* name : {"bus", "fs", "irq", "sys", "sysrq-trigger"}) {
    const Fd at(::openat(machine.proc.get(), name, O_PATH | O_CLOEXEC));
    if (at) makeReadOnly(at, std::string("/proc/") + name);
  }
  for (const char* name : {"acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "scsi",
                           "timer_list", "timer_stats"}) {
    const Fd at(::openat(machine.proc.get(), name, O_PATH | O_CLOEXEC));
    if (at) mask(at, std::string("/proc/") + name);
  }
}

void mountSys(const RootTree& root, const Machine& machine) {
  if (!machine.simulation) {
    mountDirectory(root, newMount("sysfs", {}, inert), "/sys");
    mountIfOffered(root, "cgroup2", "/sys/fs/cgroup", inert);
    return;
  }
  Fd sys;
  try {
    sys = newMount("sysfs", {}, inert | MOUNT_ATTR_RDONLY);
  } catch (const SysError&) {
    // A user namespace that shares the host's network may not mount sysfs.
    maskSys(mountDirectory(root, cloneTree("/sys", true), "/sys"));
    return;
  }
  maskSys(mountDirectory(root, sys, "/sys"));
  mountIfOffered(root, "cgroup2", "/sys/fs/cgroup", inert | MOUNT_ATTR_RDONLY);
}

/** Nodes for a kernel without devtmpfs. */
void makeNodes(const RootTree& root) {
  const Fd dev = mountDirectory(root, newMount("tmpfs", {{"mode", "755"}, {"size", "64k"}}, MOUNT_ATTR_NOSUID), "/dev");
  const struct {
    const char* name;
    unsigned major, minor;
  } nodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
  for (const auto& node : nodes) {
    if (::mknodat(dev.get(), node.name, S_IFCHR | 0666, makedev(node.major, node.minor)) != 0 ||
        ::fchmodat(dev.get(), node.name, 0666, 0) != 0) {
      throwErrno(std::string("cannot create /dev/") + node.name);
    }
  }
}

void bindNodes(const RootTree& root) {
  mountDirectory(root, newMount("tmpfs", {{"mode", "755"}, {"size", "64k"}}, MOUNT_ATTR_NOSUID), "/dev");
  for (const char* node : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}) {
    attachMount(cloneTree(node, false), root.ensure(node, RootTree::Kind::file), node);
  }
}

Fd newDevPts(const Machine& machine) {
  MountOptions options{{"newinstance", ""}, {"mode", "620"}, {"ptmxmode", "666"}};
  // gid 5 is `tty` in every distribution; a user namespace may not have it.
  if (machine.gids.contains(5)) options.emplace_back("gid", "5");
  return newMount("devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

void mountDev(const RootTree& root, Machine& machine, int64_t shmSizeBytes) {
  if (machine.simulation) {
    bindNodes(root);
  } else {
    try {
      mountDirectory(root, newMount("devtmpfs", {}, MOUNT_ATTR_NOSUID), "/dev");
    } catch (const SysError&) {
      makeNodes(root);
    }
  }
  machine.devPts = mountDirectory(root, newDevPts(machine), "/dev/pts");
  MountOptions shm{{"mode", "1777"}};
  if (shmSizeBytes > 0) shm.emplace_back("size", std::to_string(shmSizeBytes));
  mountDirectory(root, newMount("tmpfs", shm, inert), "/dev/shm");
  mountIfOffered(root, "mqueue", "/dev/mqueue", inert);
  const Fd dev = root.ensure("/dev", RootTree::Kind::directory);
  const std::pair<const char*, const char*> links[] = {{"/proc/self/fd", "fd"},
                                                       {"/proc/self/fd/0", "stdin"},
                                                       {"/proc/self/fd/1", "stdout"},
                                                       {"/proc/self/fd/2", "stderr"},
                                                       {"/proc/kcore", "core"},
                                                       {"pts/ptmx", "ptmx"}};
  for (const auto& [target, name] : links) {
    if (::symlinkat(target, dev.get(), name) == 0 || errno != EEXIST) continue;
    // devtmpfs has a ptmx node of its own, which opens the wrong devpts instance.
    if (std::string(name) != "ptmx" || ::unlinkat(dev.get(), name, 0) != 0) continue;
    if (::symlinkat(target, dev.get(), name) != 0) throwErrno("/dev/ptmx");
  }
  machine.devNull.reset(::openat(dev.get(), "null", O_RDWR | O_CLOEXEC));
  if (!machine.devNull) throwErrno("/dev/null");
}

}  // namespace

void mountKernelFileSystems(const RootTree& root, Machine& machine, int64_t shmSizeBytes) {
  for (const char* name : {"proc", "sys", "dev"}) requireOrdinary(root, name);
  mountProc(root, machine);
  mountSys(root, machine);
  mountDev(root, machine, shmSizeBytes);
}

}  // namespace mocker
