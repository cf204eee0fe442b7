// A connection of frames in both directions: the control conversation's ends, and the guest's of streams.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/frame.h"
#include "common/loop.h"
#include "common/out-queue.h"

namespace mocker {

class FramedConnection {
 public:
  struct Events {
    /** A frame begins; null: of no interest. */
    std::function<void(FrameType type)> header;
    /** A piece of a stream; null: such are ignored. */
    std::function<void(FrameType stream, std::string_view bytes)> data;
    /** The text of a JSON frame. */
    std::function<void(std::string&& text)> message;
    /** A descriptor that came along; null: descriptors are refused. */
    std::function<void(Fd fd)> descriptor;
    /** All that was read at once has been handed on; null: of no interest. */
    std::function<void()> fed;
    /** Queued bytes have been taken, or never will be. */
    std::function<void()> drained;
    /**
     * The peer's end is closed, or it broke the protocol; the connection may be destroyed, but not within the
     * call.
     */
    std::function<void()> closed;
  };

  /** `rest` was read from the connection already. */
  FramedConnection(Loop& loop, Fd fd, std::string rest, size_t maxJsonBytes, Events events);
  ~FramedConnection();
  FramedConnection(const FramedConnection&) = delete;
  FramedConnection& operator=(const FramedConnection&) = delete;

  /** Feeds `rest`; separate, so that the owner has its pointer by then. */
  void begin();
  void send(FrameType type, std::string_view payload);
  /** Whole frames. */
  void sendFrames(std::string_view frames);
  size_t queuedBytes() const { return out_.size(); }
  bool isOpen() const { return static_cast<bool>(fd_); }
  /** Back-pressure: whether to read on. */
  void setReading(bool reading);
  /** Calls `closed`. */
  void close();

 private:
  void onEvents(uint32_t events);
  void read();
  void feed(std::string_view bytes);
  void flush();
  void update();

  Loop& loop_;
  Fd fd_;
  std::string rest_;
  Events events_;
  FrameDecoder decoder_;
  OutQueue out_;
  bool reading_ = true;
  bool sinkGone_ = false;
};

}  // namespace mocker
