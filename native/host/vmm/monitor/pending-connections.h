// The connections to the monitor that have not said yet what they are, and the sockets that they come from.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "common/loop.h"
#include "handshake.h"
#include "host/vmm/streams/stream-pairs.h"

namespace mocker {

/** Bounded for each side: what is too much is closed. */
class Greetings {
 public:
  /** `hello` is the hello's object, `rest` what came after it; or `fd` is empty: the connection was closed before. */
  using Welcome = std::function<void(Fd fd, const Json& hello, std::string rest, Side side)>;

  /** `bury` takes what must be destroyed, but not within its own call. */
  Greetings(Loop& loop, std::function<void(std::shared_ptr<void>)> bury, Welcome welcome)
      : loop_(loop), bury_(std::move(bury)), welcome_(std::move(welcome)) {}
  Greetings(const Greetings&) = delete;
  Greetings& operator=(const Greetings&) = delete;

  /** Takes what connects; of the engine's side only this user and root are let in. */
  void listen(const Fd& listener, Side side);
  void take(Fd fd, Side side);
  /** How many of a side have not said hello yet. */
  size_t waiting(Side side) const;

 private:
  Loop& loop_;
  std::function<void(std::shared_ptr<void>)> bury_;
  Welcome welcome_;
  std::map<Greeting*, std::pair<Side, std::unique_ptr<Greeting>>> greetings_;
};

}  // namespace mocker
