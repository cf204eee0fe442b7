// A new connection that has not said yet what it is.
#pragma once

#include <functional>
#include <string>

#include "common/frame.h"
#include "common/loop.h"

namespace mocker {

/** Reads a connection's first frame, the hello, with bounds on its size and time. */
class Handshake {
 public:
  /**
   * `hello` is the hello's object, `rest` what came after it; or `fd` is empty: the connection was closed.
   */
  using Done = std::function<void(Handshake& self, Fd fd, const Json& hello, std::string rest)>;

  /** A connection that has not said hello after `timeoutMs` is closed. */
  Handshake(Loop& loop, Fd fd, Done done, int64_t timeoutMs = 10000);
  ~Handshake();
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  /** Closes the connection, and calls `done`. */
  void drop();

 private:
  void read();
  void give(const Json& hello, std::string rest);
  void finish();

  Loop& loop_;
  Fd fd_;
  Done done_;
  FrameDecoder decoder_;
  Loop::Timer timer_;
};

}  // namespace mocker
