// The streams of execs: the guest's end and the client's come one by one, in any order, and are joined by
// their id.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/loop.h"
#include "exec-stream.h"

namespace mocker {

/** Where a connection to the monitor comes from. */
enum class Side { guest, engine };

/** Bounded, in connections that wait and in such that are joined: what is too much is closed. */
class StreamPairs {
 public:
  /** `deleteLater` takes what must be destroyed, but not within its own call. */
  StreamPairs(Loop& loop, std::function<void(std::shared_ptr<void>)> deleteLater) : loop_(loop), deleteLater_(std::move(deleteLater)) {}
  StreamPairs(const StreamPairs&) = delete;
  StreamPairs& operator=(const StreamPairs&) = delete;

  /**
   * Joins a connection with the other side's of the same id, or keeps it for a while. `rest` was read from it
   * already.
   */
  void take(Fd fd, const std::string& id, std::string rest, Side side);
  /** How many pairs have not ended yet. */
  size_t joined() const { return joined_.size(); }
  /** What the clients of these have yet to take. */
  size_t queuedBytes() const;

 private:
  struct WaitingClient {
    Fd fd;
    std::string rest;
    Loop::Timer timer;
  };
  struct WaitingGuest {
    std::unique_ptr<ExecStream> stream;
    Loop::Timer timer;
  };

  void takeGuest(Fd fd, const std::string& id, std::string rest);
  void takeClient(Fd fd, const std::string& id, std::string rest);
  void join(std::unique_ptr<ExecStream> stream, Fd client, std::string_view rest);
  std::unique_ptr<ExecStream> newStream(Fd guest, std::string rest);
  void removeDone();

  Loop& loop_;
  std::function<void(std::shared_ptr<void>)> deleteLater_;
  std::map<std::string, WaitingClient> clients_;
  /** They are read meanwhile, as all that comes from a guest. */
  std::map<std::string, WaitingGuest> guests_;
  std::vector<std::unique_ptr<ExecStream>> joined_;
};

}  // namespace mocker
