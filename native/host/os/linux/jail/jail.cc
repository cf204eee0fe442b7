#include "jail.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/fd.h"
#include "common/file.h"
#include "common/sys-error.h"
#include "host/os/linux/child/id-mapping.h"
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

/**
 * A process that stays in the user namespace we leave: only from there can newuidmap map more than one id.
 */
class IdMapper {
 public:
  IdMapper() {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) throwErrno("socketpair");
    ours_.reset(fds[0]);
    Fd theirs(fds[1]);
    const pid_t process = getpid();
    pid_ = fork();
    if (pid_ < 0) throwErrno("fork");
    if (pid_ > 0) return;
    ours_.reset();
    char go = 0;
    bool mapped = false;
    try {
      mapped = read(theirs.get(), &go, 1) == 1 && mapSubordinateIds(process);
    } catch (const std::exception&) {
      // Then only one id is mapped, which is said.
    }
    writeFully(theirs.get(), mapped ? "y" : "n");
    _exit(0);
  }
  IdMapper(const IdMapper&) = delete;
  IdMapper& operator=(const IdMapper&) = delete;
  ~IdMapper() {
    ours_.reset();  // ends it, if it still waits
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  /** After we have entered the new namespace. */
  bool map() {
    char answer = 0;
    return writeFully(ours_.get(), "g") && read(ours_.get(), &answer, 1) == 1 && answer == 'y';
  }

 private:
  Fd ours_;
  pid_t pid_ = -1;
};

void writeTo(const char* path, const std::string& text) {
  const Fd fd(open(path, O_WRONLY | O_CLOEXEC));
  if (!fd || !writeFully(fd.get(), text)) throwErrno(path);
}

}  // namespace

bool Jail::hasKind(JailEntry::Kind kind) const {
  for (const auto& entry : plan_.entries) {
    if (entry.kind == kind) return true;
  }
  return false;
}

bool Jail::enterUserNamespace() {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  if (uid == 0) return true;
  IdMapper mapper;
  if (unshare(CLONE_NEWUSER) != 0) {
    absent_.push_back("namespaces (" + errnoWords(errno) +
                      "; unprivileged user namespaces seem to be off: sysctl kernel.unprivileged_userns_clone, "
                      "user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)");
    return false;
  }
  if (mapper.map()) {
    // As in rootless Docker: the guest's root is the user, its other users are the user's subordinate ids.
    active_.emplace_back("user namespace with subordinate ids");
    return true;
  }
  try {
    // Ourselves only, under our own numbers: a shared directory shows its files' owners as Docker does.
    const auto missing = missingMaps(getpid());
    if (missing.users) writeTo("/proc/self/uid_map", std::to_string(uid) + " " + std::to_string(uid) + " 1");
    if (missing.groups) {
      writeTo("/proc/self/setgroups", "deny");
      writeTo("/proc/self/gid_map", std::to_string(gid) + " " + std::to_string(gid) + " 1");
    }
  } catch (const SysError& error) {
    absent_.push_back(std::string("namespaces (") + error.what() + ")");
    return false;
  }
  active_.emplace_back("user namespace");
  return true;
}

bool Jail::enterNamespaces() {
  if (!enterUserNamespace()) return false;
  if (unshare(CLONE_NEWNS) != 0) {
    absent_.push_back("mount namespace (" + errnoWords(errno) + ")");
    return false;
  }
  const auto also = [&](int flag, const char* name) {
    if (unshare(flag) == 0) {
      active_.emplace_back(name);
    } else {
      absent_.push_back(std::string(name) + " (" + errnoWords(errno) + ")");
    }
  };
  also(CLONE_NEWIPC, "IPC namespace");
  also(CLONE_NEWUTS, "UTS namespace");
  if (plan_.withoutNetwork) also(CLONE_NEWNET, "network namespace");
  buildRoot();
  pivoted_ = true;
  active_.emplace_back("own root");
  return true;
}

void Jail::buildRoot() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throwErrno("make mounts private");

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
  active_.emplace_back("no new privileges");
  dropCapabilities();
  enterLandlock(boot);
  enterSeccomp();
}

void Jail::setLimits() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  // virtio-fs holds a descriptor for every inode that the guest knows.
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

void Jail::dropCapabilities() {
  uint64_t keep = 0;
  const auto keepOne = [&](unsigned capability) { keep |= uint64_t{1} << capability; };
  if (geteuid() == 0) {
    // Owners and modes of files in shared directories. Not CAP_MKNOD: no device may appear on the host
    // through a share; not CAP_DAC_READ_SEARCH: it opens files by handle, outside any root.
    if (hasKind(JailEntry::Kind::share)) {
      for (const unsigned capability : {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_SETUID, CAP_SETGID,
                                        CAP_SETFCAP}) {
        keepOne(capability);
      }
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
  active_.emplace_back(keep == 0 ? "no capabilities" : "few capabilities");
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
  (result.entered ? active_ : absent_).push_back(result.description);
  if (!plan_.withoutNetwork && !result.scoped) {
    absent_.push_back("scope of abstract unix sockets (needs Landlock 6)");
  }
}

void Jail::enterSeccomp() {
  const auto error = enterSyscallFilter(plan_.withoutNetwork);
  if (error == 0) {
    active_.emplace_back("seccomp");
  } else {
    absent_.push_back("seccomp (" + errnoWords(error) + ")");
  }
}

std::string Jail::summary() const {
  const auto join = [](const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
  };
  return "jail: " + join(active_) + (absent_.empty() ? "" : "; NOT active: " + join(absent_));
}

}  // namespace mocker
