#include "stream-pairs.h"

namespace mocker {
namespace {

constexpr size_t maxSplices = 512;
constexpr size_t maxWaitingStreams = 64;
constexpr int64_t pairingMs = 30000;

}  // namespace

void StreamPairs::take(Fd fd, const std::string& id, std::string rest, Side side) {
  auto& own = waiting_[side == Side::guest ? 0 : 1];
  auto& others = waiting_[side == Side::guest ? 1 : 0];
  if (const auto other = others.find(id); other != others.end()) {
    loop_.cancel(other->second.timer);
    Waiting partner = std::move(other->second);
    others.erase(other);
    if (splices_.size() >= maxSplices) return;
    splices_.push_back(std::make_unique<Splice>(loop_, std::move(fd), std::move(rest), std::move(partner.fd),
                                                std::move(partner.rest), [this] { removeDone(); }));
    splices_.back()->begin();
    return;
  }
  if (own.size() >= maxWaitingStreams) return;
  if (const auto older = own.find(id); older != own.end()) {
    loop_.cancel(older->second.timer);
    own.erase(older);
  }
  const auto timer = loop_.after(pairingMs, [&own, id] { own.erase(id); });
  own.emplace(id, Waiting{std::move(fd), std::move(rest), timer});
}

void StreamPairs::removeDone() {
  for (auto it = splices_.begin(); it != splices_.end(); ++it) {
    if (!(*it)->isDone()) continue;
    deleteLater_(std::move(*it));
    splices_.erase(it);
    break;
  }
}

}  // namespace mocker
