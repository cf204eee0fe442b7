#include "stats.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

#include "processes.h"

namespace mocker {
namespace {

constexpr int64_t tickUs = 10000;
constexpr int64_t sectorBytes = 512;

struct Transfer {
  int64_t in = 0, out = 0;
};

int64_t numberAfter(const std::string& text, const char* key) {
  const size_t at = text.find(key);
  return at == std::string::npos ? 0 : std::atoll(text.c_str() + at + std::strlen(key));
}

void eachLine(const std::string& text, const std::function<void(const std::string&)>& take) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    take(text.substr(at, end - at));
    at = end + 1;
  }
}

/** What the guest's CPUs have done; time that the host took away is not of it. */
int64_t guestCpuUs(const Machine& machine) {
  long long user = 0, nice = 0, system = 0, irq = 0, softIrq = 0;
  std::sscanf(readProc(machine, "stat").c_str(), "cpu %lld %lld %lld %*d %*d %lld %lld", &user, &nice, &system, &irq, &softIrq);
  return (user + nice + system + irq + softIrq) * tickUs;
}

/** All network cards of the machine, without its loopback. */
Transfer networkBytes(const Machine& machine) {
  Transfer sum;
  eachLine(readProc(machine, "net/dev"), [&sum](const std::string& line) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) return;
    const size_t begin = line.find_first_not_of(' ');
    const std::string name = line.substr(begin, colon - begin);
    if (name == "lo" || name.rfind("dummy", 0) == 0) return;
    long long received = 0, sent = 0;
    std::sscanf(line.c_str() + colon + 1, "%lld %*d %*d %*d %*d %*d %*d %*d %lld", &received, &sent);
    sum.in += received;
    sum.out += sent;
  });
  return sum;
}

/** The guest's virtual disks. */
Transfer diskBytes(const Machine& machine) {
  Transfer sum;
  eachLine(readProc(machine, "diskstats"), [&sum](const std::string& line) {
    char name[64] = "";
    long long read = 0, written = 0;
    std::sscanf(line.c_str(), " %*d %*d %63s %*d %*d %lld %*d %*d %*d %lld", name, &read, &written);
    const size_t length = std::strlen(name);
    if (std::strncmp(name, "vd", 2) != 0 || length == 0 || (name[length - 1] >= '0' && name[length - 1] <= '9')) return;
    sum.in += read * sectorBytes;
    sum.out += written * sectorBytes;
  });
  return sum;
}

}  // namespace

Json readStats(const Machine& machine) {
  int64_t processes = 0, threads = 0;
  int64_t residentPages = 0, ticks = 0;
  Transfer blocks;
  eachProcess(machine, [&](const ProcessStat& stat) {
    // Those that have ended are in the sums of who has waited for them: at last the agent.
    ticks += static_cast<int64_t>(stat.userTicks + stat.systemTicks + stat.childTicks);
    if (machine.simulation) {
      const std::string io = readProc(machine, std::to_string(stat.pid) + "/io");
      blocks.in += numberAfter(io, "\nread_bytes: ");
      blocks.out += numberAfter(io, "\nwrite_bytes: ");
    }
    if (stat.pid == 1 || stat.virtualBytes == 0) return;
    ++processes;
    threads += stat.threads;
    residentPages += static_cast<int64_t>(stat.residentPages);
  });
  int64_t used = residentPages * ::sysconf(_SC_PAGESIZE);
  if (!machine.simulation) {
    const std::string text = readProc(machine, "meminfo");
    used = (numberAfter(text, "MemTotal:") - numberAfter(text, "MemAvailable:")) * 1024;
    blocks = diskBytes(machine);
  }
  const Transfer network = networkBytes(machine);
  return {{"memoryUsedBytes", used},
          {"processes", processes},
          {"threads", threads},
          {"cpuUs", machine.simulation ? ticks * tickUs : guestCpuUs(machine)},
          {"networkReceivedBytes", network.in},
          {"networkSentBytes", network.out},
          {"blockReadBytes", blocks.in},
          {"blockWrittenBytes", blocks.out}};
}

}  // namespace mocker
