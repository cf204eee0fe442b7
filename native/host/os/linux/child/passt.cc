#include "host/os/passt.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/sys-error.h"
#include "host/os/process.h"
#include "pipe.h"

namespace mocker {
namespace {

constexpr int64_t limitMs = 10'000;
constexpr size_t maxOutputBytes = 16u << 10;
/** What passt says until it goes into the background or ends; false when neither comes about in time. */
bool readAllSaid(int fd, std::string& said) {
  const int64_t deadlineMs = monotonicMs() + limitMs;
  for (;;) {
    pollfd wait{fd, POLLIN, 0};
    const int64_t leftMs = deadlineMs - monotonicMs();
    const int ready = leftMs > 0 ? ::poll(&wait, 1, static_cast<int>(leftMs)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    char some[1024];
    const ssize_t got = ::read(fd, some, sizeof some);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    if (said.size() < maxOutputBytes) said.append(some, static_cast<size_t>(got));
  }
}

/** What does not say why it failed: complaints about the system log, and what root is told. */
constexpr const char* asides[] = {"to syslog", "Don't run as root", "Changing to nobody"};

/** The lines that say why it failed, as one. */
std::string reasonIn(const std::string& said) {
  std::string reason;
  for (size_t at = 0; at < said.size();) {
    const size_t end = std::min(said.find('\n', at), said.size());
    const auto line = said.substr(at, end - at);
    bool isAside = line.empty();
    for (const auto* aside : asides) isAside = isAside || line.find(aside) != std::string::npos;
    if (!isAside) reason += (reason.empty() ? "" : "; ") + line;
    at = end + 1;
  }
  return reason;
}

}  // namespace

Fd startPasst(const PasstSpec& passt) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throwErrno("socketpair");
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  auto [reading, writing] = makePipe();
  std::vector<std::string> argv{passt.path};
  argv.insert(argv.end(), passt.arguments.begin(), passt.arguments.end());
  // The third of its descriptors from 1 on.
  argv.insert(argv.end(), {"--fd", "3"});
  const pid_t pid = spawnProgram(argv, {writing.get(), writing.get(), theirs.get()}, false);
  theirs.reset();
  writing.reset();
  std::string said;
  const bool settled = readAllSaid(reading.get(), said);
  if (!settled) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!settled) throw std::runtime_error("passt did not start within " + std::to_string(limitMs / 1000) + " s");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return ours;
  const auto reason = reasonIn(said);
  throw std::runtime_error(reason.empty() ? "passt ended at once" : reason);
}

}  // namespace mocker
