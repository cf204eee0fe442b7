// One end of the control conversation: whole JSON frames in both directions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "../common/frame.h"
#include "../common/loop.h"
#include "../common/out-queue.h"

namespace mocker {

class ControlLink {
 public:
  struct Events {
    /** The text of a JSON frame. */
    std::function<void(std::string&& text)> message;
    /** A descriptor that came along; null: descriptors are refused. */
    std::function<void(Fd fd)> descriptor;
    /** The connection is over; the link may be destroyed, but not within the call. */
    std::function<void()> closed;
    /** Queued bytes have been taken. */
    std::function<void()> drained;
  };

  /** `rest` was read from the connection already. */
  ControlLink(Loop& loop, Fd fd, std::string rest, Events events);
  ~ControlLink();
  ControlLink(const ControlLink&) = delete;
  ControlLink& operator=(const ControlLink&) = delete;

  /** Feeds `rest`; separate, so that the owner has its pointer by then. */
  void begin();
  void send(std::string_view jsonText);
  size_t queuedBytes() const { return out_.size(); }
  bool isOpen() const { return static_cast<bool>(fd_); }
  /** Back-pressure: whether to read on. */
  void setReading(bool reading);

 private:
  void onEvents(uint32_t events);
  void read();
  void feed(std::string_view bytes);
  void close();
  void update();

  Loop& loop_;
  Fd fd_;
  std::string rest_;
  Events events_;
  FrameDecoder decoder_;
  OutQueue out_;
  bool reading_ = true;
};

}  // namespace mocker
