// The main process's stream, as the guest sends it.
#pragma once

#include <functional>
#include <string>

#include "../common/frame.h"
#include "../common/loop.h"
#include "../common/out-queue.h"

namespace mocker {

class MainStream {
 public:
  struct Events {
    std::function<void(FrameType stream, std::string_view bytes)> output;
    std::function<void(const Json& message)> message;
    /** Queued input has been taken. */
    std::function<void()> drained;
    /** The guest's end is closed or broke the protocol; may be destroyed, but not within the call. */
    std::function<void()> closed;
  };

  MainStream(Loop& loop, Fd fd, std::string rest, Events events);
  ~MainStream();
  MainStream(const MainStream&) = delete;
  MainStream& operator=(const MainStream&) = delete;

  /** Feeds what came after the hello. */
  void begin();
  /** Queues frames for the guest. */
  void send(std::string_view frames);
  size_t queuedBytes() const { return out_.size(); }
  void setReading(bool reading);
  bool isOpen() const { return static_cast<bool>(fd_); }

 private:
  void onEvents(uint32_t events);
  void feed(std::string_view bytes);
  void close();
  void update();

  Loop& loop_;
  Fd fd_;
  std::string rest_;
  Events events_;
  FrameDecoder decoder_{65536};
  OutQueue out_;
  bool reading_ = true;
  bool sinkGone_ = false;
};

}  // namespace mocker
