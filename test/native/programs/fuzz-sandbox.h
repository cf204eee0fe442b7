// A place where a fuzz target may mount and write what it likes: none of the host's files is in reach.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "common/fd.h"
#include "common/file.h"
#include "common/sys-error.h"

namespace mocker {

/** Takes this process away from the host for good. It has a root user of its own, who is nobody outside. */
class FuzzSandbox {
 public:
  FuzzSandbox() {
    const auto uid = std::to_string(::geteuid());
    const auto gid = std::to_string(::getegid());
    need(::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS), "namespaces");
    write("/proc/self/setgroups", "deny");
    write("/proc/self/uid_map", "0 " + uid + " 1");
    write("/proc/self/gid_map", "0 " + gid + " 1");
    mounts_ = Fd(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
    need(mounts_.get(), "the mount namespace");
    need(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private mounts");
    need(::mount("sandbox", "/tmp", "tmpfs", 0, "size=4m"), "a tmpfs");
    need(::chdir("/tmp"), "/tmp");
    need(static_cast<int>(::syscall(SYS_pivot_root, ".", ".")), "a root");
    need(::umount2(".", MNT_DETACH), "a root without the old one");
    for (const char* path : {"/mnt", "/stage"}) need(::mkdir(path, 0755), path);
  }

  /** What is mounted from here on goes with leave(). /stage is an empty directory. */
  void enter() {
    need(::unshare(CLONE_NEWNS), "a mount namespace");
    need(::mount("stage", "/stage", "tmpfs", 0, "size=4m"), "a stage");
  }

  void leave() {
    need(::setns(mounts_.get(), CLONE_NEWNS), "the outer mount namespace");
    need(::chdir("/"), "/");
  }

 private:
  static void need(int result, const char* what) {
    if (result < 0) throwErrno(what);
  }
  static void write(const char* path, const std::string& text) {
    const Fd file(::open(path, O_WRONLY | O_CLOEXEC));
    if (!file || !writeFully(file.get(), text)) throwErrno(path);
  }
  Fd mounts_;
};

}  // namespace mocker
