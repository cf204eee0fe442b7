#include "stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "common/file.h"

namespace mocker {
namespace {

std::string readProc(const Machine& machine, const std::string& name) {
  Fd file(::openat(machine.proc.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
  return file ? readAll(file.get(), 16384) : std::string();
}

int64_t memInfoKiB(const std::string& text, const char* key) {
  const size_t at = text.find(key);
  return at == std::string::npos ? 0 : std::atoll(text.c_str() + at + std::strlen(key));
}

}  // namespace

Json readStats(const Machine& machine) {
  int64_t processes = 0;
  int64_t residentPages = 0;
  const int directory = ::openat(machine.proc.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(directory < 0 ? nullptr : ::fdopendir(directory), ::closedir);
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name[0] < '1' || name[0] > '9' || name == "1") continue;
    long long size = 0, resident = 0;
    std::sscanf(readProc(machine, name + "/statm").c_str(), "%lld %lld", &size, &resident);
    if (size == 0) continue;  // a kernel thread, or gone already
    ++processes;
    residentPages += resident;
  }
  int64_t used = residentPages * ::sysconf(_SC_PAGESIZE);
  if (!machine.simulation) {
    const std::string text = readProc(machine, "meminfo");
    used = (memInfoKiB(text, "MemTotal:") - memInfoKiB(text, "MemAvailable:")) * 1024;
  }
  return {{"memoryUsedBytes", used}, {"processes", processes}};
}

}  // namespace mocker
