// Two connections joined: an exec's stream of the guest and the client that asked for it.
#pragma once

#include <functional>
#include <string>

#include "common/loop.h"
#include "common/out-queue.h"

namespace mocker {

/** Copies bytes both ways, bounded and with half-close, until both directions have ended. */
class Splice {
 public:
  /** `…Rest` was read from that end already. `done`: may be destroyed, but not within the call. */
  Splice(Loop& loop, Fd left, std::string leftRest, Fd right, std::string rightRest, std::function<void()> done);
  ~Splice();
  Splice(const Splice&) = delete;
  Splice& operator=(const Splice&) = delete;

  void begin();
  bool isDone() const { return !ends_[0].fd && !ends_[1].fd; }

 private:
  struct End {
    Fd fd;
    /** Bytes on their way to this end. */
    OutQueue out;
    /** Nothing more is read from here. */
    bool readEnded = false;
    /** Nothing more can be written to here. */
    bool writeEnded = false;
  };

  void onEvents(int index, uint32_t events);
  void readFrom(int index);
  void settle();

  Loop& loop_;
  End ends_[2];
  std::function<void()> done_;
};

}  // namespace mocker
