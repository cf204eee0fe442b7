#include "stream-pairs.h"

namespace mocker {
namespace {

constexpr size_t maxJoined = 512;
constexpr size_t maxWaiting = 64;
constexpr int64_t pairingMs = 30000;

}  // namespace

void StreamPairs::take(Fd fd, const std::string& id, std::string rest, Side side) {
  if (side == Side::guest) return takeGuest(std::move(fd), id, std::move(rest));
  takeClient(std::move(fd), id, std::move(rest));
}

size_t StreamPairs::queuedBytes() const {
  size_t bytes = 0;
  for (const auto& stream : joined_) bytes += stream->queuedBytes();
  return bytes;
}

void StreamPairs::takeGuest(Fd fd, const std::string& id, std::string rest) {
  if (const auto client = clients_.find(id); client != clients_.end()) {
    loop_.cancel(client->second.timer);
    WaitingClient partner = std::move(client->second);
    clients_.erase(client);
    return join(newStream(std::move(fd), std::move(rest)), std::move(partner.fd), partner.rest);
  }
  if (const auto older = guests_.find(id); older != guests_.end()) {
    loop_.cancel(older->second.timer);
    guests_.erase(older);
  }
  if (guests_.size() >= maxWaiting) return;
  const auto timer = loop_.after(pairingMs, [this, id] { guests_.erase(id); });
  ExecStream& stream = *guests_.emplace(id, WaitingGuest{newStream(std::move(fd), std::move(rest)), timer}).first->second.stream;
  stream.begin();
}

void StreamPairs::takeClient(Fd fd, const std::string& id, std::string rest) {
  if (const auto guest = guests_.find(id); guest != guests_.end()) {
    loop_.cancel(guest->second.timer);
    auto stream = std::move(guest->second.stream);
    guests_.erase(guest);
    return join(std::move(stream), std::move(fd), rest);
  }
  if (const auto older = clients_.find(id); older != clients_.end()) {
    loop_.cancel(older->second.timer);
    clients_.erase(older);
  }
  if (clients_.size() >= maxWaiting) return;
  const auto timer = loop_.after(pairingMs, [this, id] { clients_.erase(id); });
  clients_.emplace(id, WaitingClient{std::move(fd), std::move(rest), timer});
}

void StreamPairs::join(std::unique_ptr<ExecStream> stream, Fd client, std::string_view rest) {
  if (joined_.size() >= maxJoined) return;
  joined_.push_back(std::move(stream));
  ExecStream& joined = *joined_.back();
  joined.join(std::move(client), rest);
  joined.begin();
}

std::unique_ptr<ExecStream> StreamPairs::newStream(Fd guest, std::string rest) {
  return std::make_unique<ExecStream>(loop_, std::move(guest), std::move(rest), [this] { removeDone(); });
}

void StreamPairs::removeDone() {
  for (auto it = joined_.begin(); it != joined_.end(); ++it) {
    if (!(*it)->isDone()) continue;
    deleteLater_(std::move(*it));
    joined_.erase(it);
    break;
  }
}

}  // namespace mocker
