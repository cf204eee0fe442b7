#include "replay-ring.h"

namespace mocker {
namespace {

constexpr size_t capacityBytes = 64 * 1024;
/** Small pieces are joined, so that output of single bytes does not cost a piece each. */
constexpr size_t pieceBytes = 4096;

}  // namespace

void ReplayRing::add(FrameType stream, std::string_view bytes) {
  if (bytes.size() > capacityBytes) bytes.remove_prefix(bytes.size() - capacityBytes);
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (pieces_.empty() || pieces_.back().stream != stream || pieces_.back().bytes.size() >= pieceBytes) {
      pieces_.push_back({stream, {}});
    }
    std::string& last = pieces_.back().bytes;
    const size_t take = std::min(pieceBytes - last.size(), bytes.size());
    last.append(bytes.substr(0, take));
    bytes.remove_prefix(take);
  }
  while (size_ > capacityBytes && size_ - pieces_.front().bytes.size() >= capacityBytes) {
    size_ -= pieces_.front().bytes.size();
    pieces_.pop_front();
  }
}

std::string ReplayRing::frames(size_t bytes) const {
  size_t skip = size_ - std::min({bytes, size_, capacityBytes});
  std::string out;
  for (const auto& piece : pieces_) {
    if (skip >= piece.bytes.size()) {
      skip -= piece.bytes.size();
      continue;
    }
    out += frame(piece.stream, std::string_view(piece.bytes).substr(skip));
    skip = 0;
  }
  return out;
}

}  // namespace mocker
