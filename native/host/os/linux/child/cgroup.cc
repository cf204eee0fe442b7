// Version 2: https://docs.kernel.org/admin-guide/cgroup-v2.html

#include "host/os/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include "common/fd.h"
#include "common/file.h"
#include "common/sys-error.h"

namespace mocker {
namespace {

constexpr size_t maxEventsBytes = 4096;
constexpr int removalAttempts = 50;
constexpr timespec removalWait{0, 10'000'000};

/** One write, as these files want it. @returns 0, or the errno */
int writeTo(const std::string& path, std::string_view text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file || ::write(file.get(), text.data(), text.size()) < 0) return errno;
  return 0;
}

}  // namespace

Cgroup::Cgroup(const std::optional<CgroupSpec>& spec) {
  if (!spec) return;
  isWanted_ = true;
  path_ = spec->path;
  problem_ = spec->problem;
  if (path_.empty()) return;
  // One that an earlier monitor left has nobody in it, or stays.
  ::rmdir(path_.c_str());
  if (::mkdir(path_.c_str(), 0755) != 0) {
    problem_ = path_ + ": " + errnoWords(errno);
    return;
  }
  isMade_ = true;
  for (const auto& [file, value] : spec->limits) {
    const int error = writeTo(path_ + "/" + file, value);
    if (error != 0) {
      problem_ = file + ": " + errnoWords(error);
      continue;
    }
    const auto controller = file.substr(0, file.find('.'));
    if (file == controller + ".max") controllers_.push_back(controller);
  }
}

Cgroup::~Cgroup() {
  if (!isMade_) return;
  // The last of its processes may still be on its way out.
  for (int attempt = 0; attempt < removalAttempts && ::rmdir(path_.c_str()) != 0 && errno == EBUSY; ++attempt) {
    ::nanosleep(&removalWait, nullptr);
  }
}

void Cgroup::take(pid_t process) {
  if (controllers_.empty()) return;
  const int error = writeTo(path_ + "/cgroup.procs", std::to_string(process));
  if (error == 0) return;
  problem_ = path_ + ": " + errnoWords(error);
  controllers_.clear();
}

bool Cgroup::ranOutOfMemory() const {
  if (!isMade_) return false;
  std::string events;
  try {
    events = "\n" + readFile(path_ + "/memory.events", maxEventsBytes);
  } catch (const std::exception&) {
    return false;
  }
  const std::string_view counter = "\noom_kill ";
  const size_t at = events.find(counter);
  return at != std::string::npos && std::strtoull(events.c_str() + at + counter.size(), nullptr, 10) > 0;
}

Json Cgroup::layer() const {
  if (!isWanted_) return {};
  Json layer{{"name", "cgroup"}, {"on", !controllers_.empty()}};
  std::string detail;
  for (const auto& controller : controllers_) detail += (detail.empty() ? "" : ", ") + controller;
  if (controllers_.empty()) detail = problem_;
  layer["detail"] = detail;
  return layer;
}

}  // namespace mocker
