#include "jail.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/fd.h"
#include "common/file.h"
#include "common/sys-error.h"
#include "landlock.h"
#include "syscall-filter.h"

namespace mocker {
namespace {

void makeDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const auto part = path.substr(0, slash);
    if (mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) throwErrno(part);
    if (slash == std::string::npos) return;
  }
}

// <sys/mount.h> of older glibc lacks mount_setattr (Linux 5.12).
struct MountAttributes {
  uint64_t set;
  uint64_t clear;
  uint64_t propagation;
  uint64_t userNamespace;
};
constexpr uint64_t attrReadOnly = 0x1;
constexpr uint64_t attrNoSuid = 0x2;
constexpr uint64_t attrNoDev = 0x4;
constexpr int recursive = 0x8000;
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

/** Adds restrictions to a mount and those below it; old kernels: to itself only. */
void tighten(const std::string& path, uint64_t attributes) {
  MountAttributes change{attributes, 0, 0, 0};
  if (syscall(SYS_mount_setattr, AT_FDCWD, path.c_str(), recursive, &change, sizeof change) == 0) return;
  if (errno != ENOSYS) throwErrno("restrict mount " + path);
  struct statvfs now {};
  if (statvfs(path.c_str(), &now) != 0) throwErrno(path);
  // Flags that came with the mount may not be dropped in a user namespace.
  unsigned long flags = MS_REMOUNT | MS_BIND;
  if (now.f_flag & ST_RDONLY || attributes & attrReadOnly) flags |= MS_RDONLY;
  if (now.f_flag & ST_NOSUID || attributes & attrNoSuid) flags |= MS_NOSUID;
  if (now.f_flag & ST_NODEV || attributes & attrNoDev) flags |= MS_NODEV;
  if (now.f_flag & ST_NOEXEC) flags |= MS_NOEXEC;
  if (now.f_flag & ST_NOATIME) flags |= MS_NOATIME;
  if (now.f_flag & ST_NODIRATIME) flags |= MS_NODIRATIME;
  if (now.f_flag & ST_RELATIME) flags |= MS_RELATIME;
  if (mount(nullptr, path.c_str(), nullptr, flags, nullptr) != 0) throwErrno("restrict mount " + path);
}

/** For the engine, which shows them; in the order of their numbers. */
constexpr struct {
  unsigned number;
  const char* name;
} shareCapabilities[] = {
    {CAP_CHOWN, "CHOWN"},   {CAP_DAC_OVERRIDE, "DAC_OVERRIDE"}, {CAP_FOWNER, "FOWNER"},   {CAP_FSETID, "FSETID"},
    {CAP_SETGID, "SETGID"}, {CAP_SETUID, "SETUID"},             {CAP_SETFCAP, "SETFCAP"},
};

}  // namespace

bool Jail::hasKind(JailEntry::Kind kind) const {
  for (const auto& entry : plan_.entries) {
    if (entry.kind == kind) return true;
  }
  return false;
}

int Jail::enterNamespaces() {
  // Without the right to mount, as AppArmor may leave a user namespace, the mount namespace is of no use.
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    const int error = errno;
    report_.off("own root", errnoWords(error));
    return error;
  }
  report_.on("mount namespace");
  const auto also = [&](int flag, const char* name) {
    if (unshare(flag) == 0) {
      report_.on(name);
    } else {
      report_.off(name, errnoWords(errno));
    }
  };
  also(CLONE_NEWIPC, "IPC namespace");
  also(CLONE_NEWUTS, "UTS namespace");
  if (plan_.withoutNetwork) {
    also(CLONE_NEWNET, "network namespace");
  } else {
    report_.off("network namespace", "the VM has the host's network");
  }
  buildRoot();
  pivoted_ = true;
  report_.on("own root");
  return 0;
}

void Jail::buildRoot() {
  // Opened before the new root covers anything, after the namespace was made: only its own mounts can be
  // bound.
  std::vector<Fd> sources;
  for (const auto& entry : plan_.entries) {
    sources.emplace_back(open(entry.source.c_str(), O_PATH | O_CLOEXEC));
    if (!sources.back()) throwErrno(entry.source);
  }
  const auto& root = plan_.attachPoint;
  if (mount("mocker", root.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m,nr_inodes=4096") != 0) {
    throwErrno("mount the jail's root on " + root);
  }
  for (const auto& directory : plan_.directories) makeDirectories(root + directory);
  for (size_t i = 0; i < sources.size(); ++i) {
    const auto& entry = plan_.entries[i];
    const auto target = root + entry.inside;
    struct stat status {};
    if (fstat(sources[i].get(), &status) != 0) throwErrno(entry.source);
    if (S_ISDIR(status.st_mode)) {
      makeDirectories(target);
    } else {
      makeDirectories(target.substr(0, target.rfind('/')));
      const Fd file(open(target.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
      if (!file) throwErrno(target);
    }
    const auto source = "/proc/self/fd/" + std::to_string(sources[i].get());
    // Recursive: a user namespace may not look behind what is mounted inside a directory.
    if (mount(source.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
      throwErrno("bind " + entry.source);
    }
    uint64_t attributes = attrNoSuid;
    if (entry.readOnly) attributes |= attrReadOnly;
    if (entry.kind != JailEntry::Kind::device) attributes |= attrNoDev;
    tighten(target, attributes);
  }
  // virtio-fs opens inodes again through /proc/self/fd. Only that directory, and only ours: not /proc.
  makeDirectories(root + "/proc/self/fd");
  if (mount("/proc/self/fd", (root + "/proc/self/fd").c_str(), nullptr, MS_BIND, nullptr) != 0) {
    throwErrno("bind /proc/self/fd");
  }
  tighten(root + "/proc/self/fd", attrReadOnly | attrNoSuid | attrNoDev);

  if (chdir(root.c_str()) != 0 || syscall(SYS_pivot_root, ".", ".") != 0) throwErrno("change the root");
  // The old root now lies over the new one, at the same place.
  if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) throwErrno("leave the old root");
  MountAttributes readOnly{attrReadOnly, 0, 0, 0};
  if (syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &readOnly, sizeof readOnly) != 0 &&
      mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, nullptr) != 0) {
    throwErrno("make the root read-only");
  }
}

void Jail::restrict(const std::string& boot) {
  setLimits();
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throwErrno("no_new_privs");
  report_.on("no new privileges");
  dropCapabilities();
  enterLandlock(boot);
  enterSeccomp();
}

void Jail::setLimits() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  // A program that takes core dumps over a pipe does not mind that limit: the guest's memory is not for it.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) throwErrno("the limit on open files");
  files.rlim_max = std::min<rlim_t>(files.rlim_max, plan_.openFiles);
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) throwErrno("the limit on open files");
  std::string said = std::to_string(files.rlim_max) + " files";
  if (plan_.fileBytes) {
    // Too much is an error for the guest, not the VM's death.
    signal(SIGXFSZ, SIG_IGN);
    const rlimit size{*plan_.fileBytes, *plan_.fileBytes};
    if (setrlimit(RLIMIT_FSIZE, &size) != 0) throwErrno("the limit on a file's size");
    said += " of " + std::to_string(*plan_.fileBytes >> 20) + " MiB";
  }
  report_.on("limits", said);
}

void Jail::dropCapabilities() {
  uint64_t keep = 0;
  std::string names;
  // Owners and modes of files in shared directories. Not CAP_MKNOD: no device may appear on the host through
  // a share; not CAP_DAC_READ_SEARCH: it opens files by handle, outside any root.
  if (geteuid() == 0 && hasKind(JailEntry::Kind::share)) {
    for (const auto& [number, name] : shareCapabilities) {
      keep |= uint64_t{1} << number;
      names += (names.empty() ? "" : " ") + std::string(name);
    }
  }
  for (unsigned capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (!(keep >> capability & 1)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (int i = 0; i < 2; ++i) {
    data[i].effective = data[i].permitted = static_cast<uint32_t>(keep >> (32 * i));
  }
  if (syscall(SYS_capset, &header, data) != 0) throwErrno("drop capabilities");
  report_.on("capabilities", names.empty() ? "none" : names);
}

void Jail::enterLandlock(const std::string& boot) {
  std::vector<LandlockRule> rules;
  for (const auto& entry : plan_.entries) {
    if (entry.kind == JailEntry::Kind::socket) continue;   // connecting is not a file access
    if (entry.kind == JailEntry::Kind::program) continue;  // in the boot directory
    if (entry.isOnlyFile && pivoted_) rules.push_back({entry.inside.substr(0, entry.inside.rfind('/')), true, false});
    LandlockRule rule{pathOf(entry), entry.readOnly, entry.kind == JailEntry::Kind::device};
    rules.push_back(std::move(rule));
  }
  rules.push_back({boot, true, false});
  rules.push_back({"/proc/self/fd", true, false});
  // Before version 2, Landlock forbids every rename between directories: worse than useless for a shared
  // directory.
  const auto result = enterLandlockDomain(rules, plan_.withoutNetwork, hasKind(JailEntry::Kind::share) ? 2 : 1);
  if (!result.entered) {
    report_.off("Landlock", result.description);
    return;
  }
  report_.on("Landlock", result.description);
  if (!plan_.withoutNetwork && !result.scoped) report_.off("scope of abstract unix sockets", "needs Landlock 6");
}

void Jail::enterSeccomp() {
  const auto error = enterSyscallFilter(plan_.calls, plan_.withoutNetwork);
  if (error == 0) {
    report_.on("seccomp", plan_.calls == Calls::ownLibkrun ? "allow list" : "deny list");
  } else {
    report_.off("seccomp", errnoWords(error));
  }
}

}  // namespace mocker
