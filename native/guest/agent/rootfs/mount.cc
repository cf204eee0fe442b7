#include "mount.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <string_view>

#include "common/sys-error.h"

namespace mocker {
namespace {

/** What the kernel logged in a file-system context: lines such as `e overlay: …`. */
std::string contextLog(int context) {
  std::string log;
  char line[256];
  for (;;) {
    const ssize_t got = ::read(context, line, sizeof line);
    if (got <= 2) break;
    if (!log.empty()) log += "; ";
    log.append(line + 2, static_cast<size_t>(got) - 2);
    while (!log.empty() && log.back() == '\n') log.pop_back();
  }
  return log;
}

[[noreturn]] void fail(const char* type, int context) {
  const int error = errno;
  const std::string log = context >= 0 ? contextLog(context) : std::string();
  throwErrno("cannot mount " + std::string(type) + (log.empty() ? "" : " (" + log + ")"), error);
}

}  // namespace

Fd newMount(const char* type, const MountOptions& options, unsigned attributes) {
  Fd context(::fsopen(type, FSOPEN_CLOEXEC));
  if (!context) fail(type, -1);
  // What /proc/mounts shows as the source.
  const bool named = !options.empty() && options[0].first == "source";
  if (!named && ::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", type, 0) != 0) fail(type, context.get());
  for (const auto& [key, value] : options) {
    const int set = value.empty() ? ::fsconfig(context.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0)
                                  : ::fsconfig(context.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0);
    if (set != 0) fail(type, context.get());
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) fail(type, context.get());
  Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, attributes));
  if (!mount) fail(type, context.get());
  return mount;
}

Fd cloneTree(const std::string& path, bool readOnly) {
  Fd tree(::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree) throwErrno("cannot bind " + path);
  if (readOnly) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0) {
      throwErrno("cannot make the bind of " + path + " read-only");
    }
  }
  return tree;
}

void attachMount(const Fd& mount, const Fd& target, const std::string& name) {
  if (::move_mount(mount.get(), "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    throwErrno("cannot mount on " + name);
  }
}

}  // namespace mocker
