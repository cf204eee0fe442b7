// The last bytes of output, for a client that attaches later.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "common/frame.h"

namespace mocker {

class ReplayRing {
 public:
  void add(FrameType stream, std::string_view bytes);
  /** The last `bytes` of output as frames, oldest first. */
  std::string frames(size_t bytes) const;

 private:
  struct Piece {
    FrameType stream;
    std::string bytes;
  };
  std::deque<Piece> pieces_;
  size_t size_ = 0;
};

}  // namespace mocker
