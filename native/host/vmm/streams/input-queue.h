// Input that a process has yet to take.
#pragma once

#include <deque>
#include <string>
#include <string_view>

namespace mocker {

/** Pieces of input and ends of it, in their order. */
class InputQueue {
 public:
  /** Empty: an end of the input. After it more may come, for a terminal. */
  void add(std::string_view bytes);
  /** The next piece, of at most `maxBytes`, which is removed; empty: an end. Not of an empty queue. */
  std::string take(size_t maxBytes);

  bool empty() const { return pieces_.empty(); }
  /** In memory. */
  size_t size() const { return size_; }

 private:
  std::deque<std::string> pieces_;
  size_t size_ = 0;
};

}  // namespace mocker
