// The connections to the monitor that have not said yet what they are, and the sockets that they come from.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/loop.h"
#include "handshake.h"
#include "host/vmm/streams/stream-pairs.h"

namespace mocker {

/**
 * Bounded for each side: one that is too much takes the place of the one that has waited longest. A workload
 * that holds all places without a word so does not keep its agent out, whose hello comes at once.
 */
class PendingConnections {
 public:
  /**
   * `hello` is the hello's object, `rest` what came after it; or `fd` is empty: the connection was closed
   * before.
   */
  using OnHandshake = std::function<void(Fd fd, const Json& hello, std::string rest, Side side)>;

  /** `deleteLater` takes what must be destroyed, but not within its own call. */
  PendingConnections(Loop& loop, std::function<void(std::shared_ptr<void>)> deleteLater, OnHandshake onHandshake)
      : loop_(loop), deleteLater_(std::move(deleteLater)), onHandshake_(std::move(onHandshake)) {}
  PendingConnections(const PendingConnections&) = delete;
  PendingConnections& operator=(const PendingConnections&) = delete;

  /** Takes what connects; of the engine's side only this user and root are let in. */
  void listen(const Fd& listener, Side side);
  void take(Fd fd, Side side);
  /** How many of a side have not said hello yet. */
  size_t waiting(Side side) const;

 private:
  Loop& loop_;
  std::function<void(std::shared_ptr<void>)> deleteLater_;
  OnHandshake onHandshake_;
  struct Pending {
    Side side;
    std::unique_ptr<Handshake> handshake;
  };
  std::vector<Pending>::iterator oldest(Side side);

  /** Those that have waited longest come first. */
  std::vector<Pending> pending_;
};

}  // namespace mocker
