#include "pending-connections.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/sys-error.h"
#include "common/unix-socket.h"
#include "host/os/peer.h"
#include "host/vmm/notice.h"

namespace mocker {
namespace {

constexpr size_t maxPending = 64;

/** Only this user and root talk to the monitor. */
bool mayConnect(int fd) {
  try {
    const uid_t peer = peerCredentials(fd).uid;
    if (peer == ::geteuid() || peer == 0) return true;
    notice("refused a connection of user " + std::to_string(peer));
  } catch (const SysError& error) {
    notice(error.what());
  }
  return false;
}

}  // namespace

void PendingConnections::listen(const Fd& listener, Side side) {
  const int fd = listener.get();
  loop_.add(fd, event::readable, [this, fd, side](uint32_t) {
    Fd accepted = acceptUnix(fd);
    if (!accepted) {
      // Out of descriptors: without a pause the waiting connection would wake us for ever.
      if (errno != EAGAIN) {
        loop_.modify(fd, 0);
        loop_.after(100, [this, fd] { loop_.modify(fd, event::readable); });
      }
      return;
    }
    if (side == Side::engine && !mayConnect(accepted.get())) return;
    take(std::move(accepted), side);
  });
}

void PendingConnections::take(Fd fd, Side side) {
  if (waiting(side) >= maxPending) oldest(side)->handshake->drop();
  auto handshake = std::make_unique<Handshake>(
      loop_, std::move(fd), [this, side](Handshake& self, Fd taken, const Json& hello, std::string rest) {
        const auto it = std::find_if(pending_.begin(), pending_.end(),
                                     [&](const Pending& pending) { return pending.handshake.get() == &self; });
        deleteLater_(std::move(it->handshake));
        pending_.erase(it);
        onHandshake_(std::move(taken), hello, std::move(rest), side);
      });
  pending_.push_back({side, std::move(handshake)});
}

std::vector<PendingConnections::Pending>::iterator PendingConnections::oldest(Side side) {
  return std::find_if(pending_.begin(), pending_.end(), [side](const Pending& pending) { return pending.side == side; });
}

size_t PendingConnections::waiting(Side side) const {
  return static_cast<size_t>(
      std::count_if(pending_.begin(), pending_.end(), [side](const Pending& pending) { return pending.side == side; }));
}

}  // namespace mocker
