#include "kernel-settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "common/fd.h"
#include "common/file.h"
#include "common/sys-error.h"

namespace mocker {
namespace {

/** MIN_THREADS (kernel/fork.c). */
constexpr int64_t leastThreads = 20;

}  // namespace

/** A name's dots are slashes, as in runc: so none leads anywhere else. */
void applySettings(const Json& params, const Machine& machine) {
  const Json* settings = objectOrNull(params, "sysctls");
  if (!settings) return;
  // The simulation's own /proc is read-only there.
  const Fd base(machine.simulation ? ::open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC)
                                   : ::openat(machine.proc.get(), "sys", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const auto& [name, value] : settings->items()) {
    std::string path = name;
    std::replace(path.begin(), path.end(), '.', '/');
    const std::string where = "sysctl " + name + ": /proc/sys/" + path;
    if (path.empty() || path[0] == '/' || !value.is_string()) throw std::runtime_error(where + ": is no setting");
    const Fd file(::openat(base.get(), path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file || !writeFully(file.get(), value.get<std::string>())) throwErrno(where);
  }
}

/** The kernel counts all threads, its own too. The simulation's is the host's, and is left alone. */
void limitThreads(int64_t most, const Machine& machine) {
  if (most <= 0 || machine.simulation) return;
  const Fd loadFile(::openat(machine.proc.get(), "loadavg", O_RDONLY | O_CLOEXEC));
  const std::string load = loadFile ? readAll(loadFile.get(), 256) : "";
  const size_t slash = load.find('/');
  const int64_t now = slash == std::string::npos ? 0 : std::atoll(load.c_str() + slash + 1);
  const Fd file(::openat(machine.proc.get(), "sys/kernel/threads-max", O_RDWR | O_CLOEXEC));
  const int64_t limit = std::max(now + most, leastThreads);
  if (!file) throwErrno("threads-max");
  // The kernel's own limit is by the memory there is.
  if (std::atoll(readAll(file.get(), 64).c_str()) <= limit) return;
  // A number that is written anywhere but at the beginning is ignored (sysctl_writes_strict).
  if (::lseek(file.get(), 0, SEEK_SET) != 0) throwErrno("threads-max");
  if (!writeFully(file.get(), std::to_string(limit))) throwErrno("threads-max");
}

}  // namespace mocker
