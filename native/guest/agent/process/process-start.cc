#include "process-start.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace mocker {

ProcessStart::ProcessStart(Loop& loop, Spawned process, int64_t timeoutMs, Done done)
    : loop_(loop), process_(std::move(process)), done_(std::move(done)) {
  loop_.add(process_.report.get(), event::readable, [this](uint32_t) { read(); });
  timer_ = loop_.after(timeoutMs, [this, timeoutMs] {
    // It may be beyond signals, too; then it ends when its file system answers or is unmounted.
    ::kill(process_.pid, SIGKILL);
    finish(SpawnError("NOT_STARTED", "the program did not start within " + std::to_string(timeoutMs / 1000) +
                                         " seconds: the file system of its directory or of the program does not answer"));
  });
}

ProcessStart::~ProcessStart() {
  loop_.cancel(timer_);
  if (process_.report) loop_.remove(process_.report.get());
}

void ProcessStart::read() {
  char bytes[4096];
  for (;;) {
    const ssize_t got = ::read(process_.report.get(), bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return finish(startFailure(report_));
    report_.append(bytes, static_cast<size_t>(got));
  }
}

void ProcessStart::finish(std::optional<SpawnError> failure) {
  loop_.cancel(timer_);
  loop_.remove(process_.report.get());
  process_.report.reset();
  const Done done = std::move(done_);
  done(std::move(failure));
}

}  // namespace mocker
