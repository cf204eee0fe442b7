#include "processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <memory>
#include <utility>

#include "common/file.h"
#include "common/json.h"
#include "common/sys-error.h"

namespace mocker {
namespace {

constexpr size_t maxProcBytes = 16384;
/** What of a command line is told; ps cuts it off at the screen's width, or at 128 KiB. */
constexpr size_t maxCommandBytes = 4096;
/** PF_KTHREAD of linux/sched.h: a thread of the kernel's. */
constexpr unsigned long kernelThread = 0x00200000;
constexpr size_t maxNamesBytes = 1 << 20;

std::optional<ProcessStat> readStat(const Machine& machine, const std::string& pid) {
  const std::string text = readProc(machine, pid + "/stat");
  // The name, in parentheses, may have any bytes itself.
  const size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  ProcessStat stat;
  stat.pid = std::atoi(text.c_str());
  stat.name = text.substr(open + 1, close - open - 1);
  unsigned long flags = 0;
  unsigned long long user = 0, system = 0, childUser = 0, childSystem = 0, start = 0, size = 0, resident = 0;
  long long priority = 0, nice = 0, threads = 0;
  const int got = std::sscanf(text.c_str() + close + 1,
                              " %c %d %d %d %d %*d %lu %*u %*u %*u %*u %llu %llu %llu %llu %lld %lld %lld %*d %llu %llu %llu",
                              &stat.state, &stat.parent, &stat.group, &stat.session, &stat.terminal, &flags, &user, &system,
                              &childUser, &childSystem, &priority, &nice, &threads, &start, &size, &resident);
  if (got != 16 || (flags & kernelThread)) return std::nullopt;
  stat.userTicks = user;
  stat.systemTicks = system;
  stat.childTicks = childUser + childSystem;
  stat.priority = priority;
  stat.nice = nice;
  stat.threads = threads;
  stat.startTicks = start;
  stat.virtualBytes = size;
  stat.residentPages = resident;
  return stat;
}

/** The names of ids, as `/etc/passwd` and `/etc/group` of the workload's root have them. */
std::map<long, std::string> namesIn(const char* path) {
  std::map<long, std::string> names;
  std::string text;
  try {
    text = readFile(path, maxNamesBytes);
  } catch (const std::exception&) {
    return names;
  }
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const size_t name = line.find(':');
    const size_t id = name == std::string::npos ? name : line.find(':', name + 1);
    if (id == std::string::npos || name == 0) continue;
    names.emplace(std::strtol(line.c_str() + id + 1, nullptr, 10), line.substr(0, name));
  }
  return names;
}

std::string nameOf(const std::map<long, std::string>& names, long id) {
  const auto found = names.find(id);
  return found == names.end() ? std::to_string(id) : found->second;
}

/** Real and effective ids on the line of /proc/PID/status that begins with `key`. */
std::pair<long, long> idsIn(const std::string& status, const char* key) {
  const size_t at = status.find(key);
  long real = 0, effective = 0;
  if (at != std::string::npos) std::sscanf(status.c_str() + at + std::char_traits<char>::length(key), "%ld %ld", &real, &effective);
  return {real, effective};
}

/** As ps calls a terminal; `?`: none. */
std::string terminalName(int device) {
  const unsigned kind = major(static_cast<dev_t>(device)), number = minor(static_cast<dev_t>(device));
  if (kind >= 136 && kind <= 143) return "pts/" + std::to_string((kind - 136) * 256 + number);
  if (kind == 4) return (number < 64 ? "tty" : "ttyS") + std::to_string(number < 64 ? number : number - 64);
  if (kind == 229) return "hvc" + std::to_string(number);
  return "?";
}

/** The arguments with a space between them; empty for a process that has none. */
std::string commandLine(const Machine& machine, pid_t pid) {
  Fd file(::openat(machine.proc.get(), (std::to_string(pid) + "/cmdline").c_str(), O_RDONLY | O_CLOEXEC));
  std::string text = file ? readAll(file.get(), maxCommandBytes) : std::string();
  while (!text.empty() && text.back() == '\0') text.pop_back();
  // A name with a line feed must not look like two lines.
  for (char& byte : text) {
    if (byte == '\0') byte = ' ';
    if (static_cast<unsigned char>(byte) < ' ' || byte == 127) byte = '?';
  }
  return text;
}

int64_t nowMs(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

}  // namespace

std::string readProc(const Machine& machine, const std::string& name) {
  Fd file(::openat(machine.proc.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
  return file ? readAll(file.get(), maxProcBytes) : std::string();
}

void eachProcess(const Machine& machine, const std::function<void(const ProcessStat&)>& take) {
  const int directory = ::openat(machine.proc.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(directory < 0 ? nullptr : ::fdopendir(directory), ::closedir);
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (const auto stat = readStat(machine, entry->d_name)) take(*stat);
  }
}

std::set<pid_t> stoppedProcesses(const Machine& machine) {
  std::set<pid_t> stopped;
  eachProcess(machine, [&](const ProcessStat& stat) {
    if (stat.state == 'T') stopped.insert(stat.pid);
  });
  return stopped;
}

void writeProcessList(const Machine& machine, int out) {
  const auto users = namesIn("/etc/passwd"), groups = namesIn("/etc/group");
  struct sysinfo system {};
  ::sysinfo(&system);
  // /proc counts from the boot, which a VM has to itself and the simulation shares with the host.
  const Json first{{"nowMs", nowMs(CLOCK_REALTIME)},
                   {"bootMs", nowMs(CLOCK_BOOTTIME)},
                   {"memoryBytes", static_cast<int64_t>(system.totalram) * system.mem_unit}};
  std::string text = toText(first) + "\n";
  const pid_t self = ::getpid();
  const int64_t pageKiB = ::sysconf(_SC_PAGESIZE) / 1024;
  eachProcess(machine, [&](const ProcessStat& stat) {
    if (stat.pid == 1 || stat.pid == self) return;
    const std::string status = readProc(machine, std::to_string(stat.pid) + "/status");
    const auto [realUid, uid] = idsIn(status, "\nUid:");
    const auto [realGid, gid] = idsIn(status, "\nGid:");
    text += toText({{"pid", stat.pid},
                    {"ppid", stat.parent},
                    {"pgid", stat.group},
                    {"sid", stat.session},
                    {"tty", terminalName(stat.terminal)},
                    {"state", std::string(1, stat.state)},
                    {"uid", uid},
                    {"ruid", realUid},
                    {"user", nameOf(users, uid)},
                    {"ruser", nameOf(users, realUid)},
                    {"gid", gid},
                    {"group", nameOf(groups, gid)},
                    {"rgroup", nameOf(groups, realGid)},
                    {"threads", stat.threads},
                    {"nice", stat.nice},
                    {"priority", stat.priority},
                    {"cpuTicks", stat.userTicks + stat.systemTicks},
                    {"startTicks", stat.startTicks},
                    {"virtualKiB", stat.virtualBytes / 1024},
                    {"residentKiB", static_cast<int64_t>(stat.residentPages) * pageKiB},
                    {"name", stat.name},
                    {"command", commandLine(machine, stat.pid)}}) +
            "\n";
  });
  if (!writeFully(out, text)) throwErrno("cannot write the list of processes");
}

}  // namespace mocker
