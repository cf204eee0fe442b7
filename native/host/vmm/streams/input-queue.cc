#include "input-queue.h"

#include <algorithm>

namespace mocker {
namespace {

/** Small pieces are joined, so that input of single bytes does not cost a piece each. */
constexpr size_t pieceBytes = 32768;

}  // namespace

void InputQueue::add(std::string_view bytes) {
  if (bytes.empty()) {
    pieces_.emplace_back();
    size_ += sizeof(std::string);
  }
  while (!bytes.empty()) {
    if (pieces_.empty() || pieces_.back().empty() || pieces_.back().size() >= pieceBytes) pieces_.emplace_back();
    std::string& last = pieces_.back();
    const size_t added = std::min(pieceBytes - last.size(), bytes.size());
    last.append(bytes.substr(0, added));
    size_ += added;
    bytes.remove_prefix(added);
  }
}

std::string InputQueue::take(size_t maxBytes) {
  std::string& first = pieces_.front();
  std::string piece;
  if (first.size() > maxBytes) {
    piece = first.substr(0, maxBytes);
    first.erase(0, maxBytes);
  } else {
    piece = std::move(first);
    pieces_.pop_front();
  }
  size_ -= piece.empty() ? sizeof(std::string) : piece.size();
  return piece;
}

}  // namespace mocker
