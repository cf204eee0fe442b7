#include "card-connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "common/clock.h"
#include "common/file.h"
#include "common/json.h"
#include "common/sys-error.h"
#include "common/unix-socket.h"
#include "host/os/peer.h"
#include "host/os/passt.h"

namespace mocker {
namespace {

constexpr int64_t limitMs = 5000;
constexpr size_t maxAnswerBytes = 4096;
constexpr const char* noAnswer = "its process does not answer";

Fd connectWithin(const std::string& path, int64_t deadlineMs) {
  try {
    return connectUnix(path, std::max<int64_t>(deadlineMs - monotonicMs(), 1));
  } catch (const SysError& error) {
    switch (error.error()) {
      case ENOENT:
      case ECONNREFUSED:
        throw std::runtime_error("its process does not run");
      case EAGAIN:
        throw std::runtime_error(noAnswer);
      default:
        throw;
    }
  }
}

/** A line, and not a byte more: frames may follow. */
std::string readLine(int fd, int64_t deadlineMs) {
  std::string line;
  while (line.size() < maxAnswerBytes) {
    pollfd wait{fd, POLLIN, 0};
    const int64_t leftMs = deadlineMs - monotonicMs();
    const int ready = leftMs > 0 ? ::poll(&wait, 1, static_cast<int>(leftMs)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) throw std::runtime_error(noAnswer);
    char byte = 0;
    const ssize_t got = ::recv(fd, &byte, 1, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw std::runtime_error("its process ended the connection");
    if (byte == '\n') return line;
    line += byte;
  }
  throw std::runtime_error("its process gave an answer that is too long");
}

void shakeHands(int fd, const CardSpec& card, int64_t deadlineMs) {
  const auto hello = toText({{"version", 1}, {"endpoint", card.endpointId}}) + "\n";
  if (!writeFully(fd, hello)) throw std::runtime_error("its process ended the connection");
  const auto answer = parseObject(readLine(fd, deadlineMs));
  if (answer && flagOr(*answer, "ok", false)) return;
  const auto error = answer ? stringOr(*answer, "error", "") : "";
  throw std::runtime_error(error.empty() ? "its process gave an answer that makes no sense" : error);
}

}  // namespace

Fd connectCard(const CardSpec& card) {
  try {
    if (card.passt) return startPasst(*card.passt);
    const int64_t deadlineMs = monotonicMs() + limitMs;
    Fd fd = connectWithin(card.socketPath, deadlineMs);
    if (peerCredentials(fd.get()).uid != ::geteuid()) {
      throw std::runtime_error("its process belongs to another user (" + card.socketPath + ")");
    }
    shakeHands(fd.get(), card, deadlineMs);
    return fd;
  } catch (const std::exception& error) {
    const auto& name = card.networkName.empty() ? card.endpointId : card.networkName;
    throw std::runtime_error("network " + name + ": " + error.what());
  }
}

}  // namespace mocker
