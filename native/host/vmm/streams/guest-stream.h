// The guest's end of a process's stream.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/credit.h"
#include "common/frame.h"
#include "common/loop.h"
#include "framed-connection.h"
#include "input-queue.h"

namespace mocker {

/** While as much input waits for the guest, no more is read from clients. */
constexpr size_t maxInputQueueBytes = 256 << 10;

/**
 * Is read whatever happens: the virtual machine's process waits in its write to a connection that is full,
 * and all other connections of its guest with it. What the guest may send is bounded by its credit instead;
 * one that sends more is cut off.
 */
class GuestStream {
 public:
  struct Events {
    /** Some of the process's output; not empty. */
    std::function<void(FrameType stream, std::string_view bytes)> output;
    /** All output that came at once has been handed on. */
    std::function<void()> outputEnd;
    /** What the agent says beside it. */
    std::function<void(const Json& message)> message;
    /** Input has been taken. */
    std::function<void()> drained;
    /**
     * The guest has closed its end, broke the protocol or overran its credit; may be destroyed, but not
     * within the call.
     */
    std::function<void()> closed;
  };

  /** `rest` was read from the connection already. */
  GuestStream(Loop& loop, Fd fd, std::string rest, Events events);
  GuestStream(const GuestStream&) = delete;
  GuestStream& operator=(const GuestStream&) = delete;

  /** Feeds `rest`; separate, so that the owner has its pointer by then. */
  void begin() { connection_.begin(); }
  /** Empty: the input's end. */
  void input(std::string_view bytes);
  size_t queuedInputBytes() const { return input_.size() + connection_.queuedBytes(); }
  void send(const Json& message) { connection_.send(FrameType::json, toText(message)); }
  /** Lets the guest go on: all but `waiting` bytes of what it has sent are taken. */
  void grant(size_t waiting);
  bool isOpen() const { return connection_.isOpen(); }
  void close() { connection_.close(); }

 private:
  FramedConnection::Events connectionEvents();
  void spend(size_t bytes);
  void onMessage(const std::string& text);
  void sendInput();
  void sendGrant();

  Events events_;
  ReceiveCredit received_;
  SendCredit sendable_;
  size_t waiting_ = 0;
  InputQueue input_;
  FramedConnection connection_;
};

}  // namespace mocker
