// Credits of a process's stream between monitor and guest agent: each end sends at most a window's worth of
// bytes beyond what the other end has said is taken. So either can read all that comes, at once, and yet keep
// little of it. Above the transport, because a vsock connection that is not read stops all others of its VM.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace mocker {

/**
 * Of each direction of each stream, in bytes of its stdin, stdout and stderr frames with their headers. JSON
 * frames are free: an exit and the credits themselves must get through.
 */
constexpr size_t creditWindowBytes = 512 << 10;

/** What may still be sent. */
class SendCredit {
 public:
  size_t left() const { return left_; }
  /** At most what is left. */
  void spend(size_t bytes) { left_ -= bytes; }
  /** False when the peer grants what was never spent. */
  bool grant(int64_t bytes) {
    if (bytes < 0 || static_cast<uint64_t>(bytes) > creditWindowBytes - left_) return false;
    left_ += static_cast<size_t>(bytes);
    return true;
  }

 private:
  size_t left_ = creditWindowBytes;
};

/** What the peer may still send. */
class ReceiveCredit {
 public:
  /** False when the peer has sent more than it may. */
  bool spend(size_t bytes) {
    if (bytes > creditWindowBytes - outstanding_) return false;
    outstanding_ += bytes;
    return true;
  }
  /**
   * What the peer is to be granted now, while `waiting` bytes of what it has sent are still to be taken; 0
   * when that is not worth a message.
   */
  size_t grant(size_t waiting) {
    const size_t taken = outstanding_ - std::min(waiting, outstanding_);
    if (taken < creditWindowBytes / 2) return 0;
    outstanding_ -= taken;
    return taken;
  }

 private:
  size_t outstanding_ = 0;
};

}  // namespace mocker
