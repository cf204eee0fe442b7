#include "own-users.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "common/file.h"
#include "common/sys-error.h"
#include "id-mapping.h"
#include "jailed-process.h"
#include "pipe.h"

namespace mocker {
namespace {

/** As many as an image's users are counted by anywhere. */
constexpr unsigned fewestIds = 65536;
/** In a part of the numbers that systemd's table of them (UIDS-GIDS) leaves to nobody. */
constexpr IdRange unusedIds{0x70000000, 0x01000000};

IdRange rangeOf(const char* path) {
  std::string text;
  try {
    text = readFile(path, 4 << 20);
  } catch (const std::exception&) {
    return unusedIds;
  }
  const auto range = subordinateRange(text, "root", 0);
  if (!range || range->second < fewestIds) return unusedIds;
  return {range->first, range->second};
}

void writeMap(pid_t child, const char* name, const IdRange& range) {
  const auto path = "/proc/" + std::to_string(child) + "/" + name;
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || !writeFully(file.get(), "0 " + std::to_string(range.start) + " " + std::to_string(range.count))) {
    throwErrno("cannot map users of their own");
  }
}

}  // namespace

OwnUsers::OwnUsers() : uids_(rangeOf("/etc/subuid")), gids_(rangeOf("/etc/subgid")) {
  // Mounts take their users from a namespace, which has to be some process's first.
  auto [waits, holds] = makePipe();
  const pid_t child = cloneInto(CLONE_NEWUSER);
  if (child < 0) throwErrno("cannot create a user namespace");
  if (child == 0) {
    holds.reset();
    char byte = 0;
    [[maybe_unused]] const ssize_t ended = ::read(waits.get(), &byte, 1);
    ::_exit(0);
  }
  int error = 0;
  try {
    give(child);
    userNamespace_.reset(::open(("/proc/" + std::to_string(child) + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
    error = userNamespace_ ? 0 : errno;
  } catch (const SysError& refused) {
    error = refused.error();
  }
  holds.reset();
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (error != 0) throwErrno("cannot map users of their own", error);
}

void OwnUsers::give(pid_t child) const {
  writeMap(child, "uid_map", uids_);
  writeMap(child, "gid_map", gids_);
}

Fd OwnUsers::mapped(const std::string& path) const {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(userNamespace_.get());
  // What is mounted below may be of a kind that cannot be mapped: then it is left out.
  for (const unsigned below : {AT_RECURSIVE + 0u, 0u}) {
    Fd tree(::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | below));
    if (!tree) throwErrno(path);
    if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | below, &attributes, sizeof attributes) == 0) return tree;
  }
  throwErrno("cannot map the owners of " + path);
}

}  // namespace mocker
