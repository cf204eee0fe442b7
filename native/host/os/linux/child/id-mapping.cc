#include "id-mapping.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>

#include "common/fd.h"
#include "common/file.h"
#include "common/sys-error.h"
#include "host/vmm/notice.h"

namespace mocker {
namespace {

std::string readOrEmpty(const char* path) {
  try {
    return readFile(path, 4 << 20);
  } catch (const std::exception&) {
    return {};
  }
}

/** Calls `visit(fields)` for each colon-separated line until it returns true. */
template <typename Visit>
void eachLine(const std::string& text, Visit visit) {
  size_t at = 0;
  while (at < text.size()) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    std::string fields[3];
    size_t field = 0;
    for (size_t i = at; i < end && field < 3; ++i) {
      if (text[i] == ':') {
        ++field;
      } else {
        fields[field] += text[i];
      }
    }
    if (visit(fields)) return;
    at = end + 1;
  }
}

/** The user's name by /etc/passwd alone: NSS would load half of libc's modules into a process that stays. */
std::string userName(uid_t uid) {
  std::string name;
  eachLine(readOrEmpty("/etc/passwd"), [&](const std::string (&fields)[3]) {
    if (fields[2] != std::to_string(uid)) return false;
    name = fields[0];
    return true;
  });
  return name;
}

/** Starts newuidmap or newgidmap; -1 when it is not there. */
pid_t startHelper(const char* helper, pid_t child, unsigned own, const std::pair<unsigned, unsigned>& range) {
  const std::string words[] = {helper, std::to_string(child),       "0", std::to_string(own), "1",
                               "1",    std::to_string(range.first), std::to_string(range.second)};
  char* argv[9] = {};
  for (size_t i = 0; i < 8; ++i) argv[i] = const_cast<char*>(words[i].c_str());
  char* envp[] = {const_cast<char*>("PATH=/usr/bin:/bin:/usr/sbin:/sbin"), nullptr};
  for (const char* directory : {"/usr/bin/", "/bin/", "/usr/local/bin/"}) {
    pid_t pid = -1;
    if (::posix_spawn(&pid, (directory + words[0]).c_str(), nullptr, nullptr, argv, envp) == 0) return pid;
  }
  return -1;
}

bool succeeded(pid_t helper) {
  if (helper < 0) return false;
  int status = 0;
  while (::waitpid(helper, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void writeProc(pid_t child, const char* name, const std::string& text) {
  const std::string path = "/proc/" + std::to_string(child) + "/" + name;
  Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || !writeFully(file.get(), text)) throwErrno("cannot write " + path);
}

bool isMapped(pid_t child, const char* name) {
  return !readOrEmpty(("/proc/" + std::to_string(child) + "/" + name).c_str()).empty();
}

/** Gives the calling user and group a number in `child`'s user namespace, unless a helper program did. */
void mapOne(pid_t child, const std::string& uid, const std::string& gid) {
  if (!isMapped(child, "uid_map")) writeProc(child, "uid_map", uid + " " + std::to_string(::geteuid()) + " 1");
  if (isMapped(child, "gid_map")) return;
  writeProc(child, "setgroups", "deny");
  writeProc(child, "gid_map", gid + " " + std::to_string(::getegid()) + " 1");
}

}  // namespace

std::optional<std::pair<unsigned, unsigned>> subordinateRange(const std::string& text, const std::string& name, uid_t uid) {
  std::optional<std::pair<unsigned, unsigned>> range;
  eachLine(text, [&](const std::string (&fields)[3]) {
    if ((name.empty() || fields[0] != name) && fields[0] != std::to_string(uid)) return false;
    const auto start = std::strtoul(fields[1].c_str(), nullptr, 10);
    const auto count = std::strtoul(fields[2].c_str(), nullptr, 10);
    if (start == 0 || count == 0 || start > 4294967294ul || count > 4294967294ul) return false;
    range.emplace(static_cast<unsigned>(start), static_cast<unsigned>(count));
    return true;
  });
  return range;
}

bool mapSubordinateIds(pid_t child) {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  const std::string name = userName(uid);
  const auto uids = subordinateRange(readOrEmpty("/etc/subuid"), name, uid);
  const auto gids = subordinateRange(readOrEmpty("/etc/subgid"), name, uid);
  if (!uids || !gids) return false;
  // Both at once: each is a set-user-id program with a few milliseconds of start-up.
  const pid_t groups = startHelper("newgidmap", child, gid, *gids);
  const pid_t users = startHelper("newuidmap", child, uid, *uids);
  const bool groupsMapped = succeeded(groups);
  const bool usersMapped = succeeded(users);
  if (groupsMapped && usersMapped) return true;
  notice("newuidmap and newgidmap could not map the user's subordinate ids: only one user is mapped");
  return false;
}

void mapOwnIds(pid_t child) {
  mapOne(child, std::to_string(::geteuid()), std::to_string(::getegid()));
}

void mapHostIds(pid_t child) {
  for (const std::string map : {"uid_map", "gid_map"}) {
    // In a container these are fewer than all.
    std::istringstream ours(readOrEmpty(("/proc/self/" + map).c_str()));
    std::string lines;
    for (unsigned long inside = 0, outside = 0, count = 0; ours >> inside >> outside >> count;) {
      lines += std::to_string(inside) + " " + std::to_string(inside) + " " + std::to_string(count) + "\n";
    }
    writeProc(child, map.c_str(), lines);
  }
}

void writeIdMaps(pid_t child) {
  if (!mapSubordinateIds(child)) mapOne(child, "0", "0");
}

}  // namespace mocker
