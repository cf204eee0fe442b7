// A client that watches the main process: output live, input forwarded.
#pragma once

#include <functional>
#include <string>

#include "common/frame.h"
#include "common/loop.h"
#include "common/out-queue.h"

namespace mocker {

class AttachClient {
 public:
  struct Events {
    /** Input for the main process; empty: its end. */
    std::function<void(std::string_view bytes)> input;
    /** Queued bytes have been taken. */
    std::function<void()> drained;
    /**
     * The client is gone, or everything including the exit has been sent; may be destroyed, but not within
     * the call.
     */
    std::function<void()> closed;
  };

  AttachClient(Loop& loop, Fd fd, bool takesInput, Events events);
  ~AttachClient();
  AttachClient(const AttachClient&) = delete;
  AttachClient& operator=(const AttachClient&) = delete;

  /** Feeds what came after the hello. */
  void begin(std::string_view rest) { feed(rest); }
  /** Output, framed here. */
  void output(FrameType stream, std::string_view bytes);
  void raw(std::string_view frames);
  /** Sends the exit frame and closes when everything is sent. */
  void end(const Json& exit);
  void setReadingInput(bool reading);
  size_t queuedBytes() const { return out_.size(); }
  bool isOpen() const { return static_cast<bool>(fd_); }
  void close();

 private:
  void onEvents(uint32_t events);
  void feed(std::string_view bytes);
  void flush();
  void update();

  Loop& loop_;
  Fd fd_;
  bool takesInput_;
  Events events_;
  FrameDecoder decoder_{4096};
  OutQueue out_;
  bool readingInput_ = true;
  bool inputEnded_ = false;
  bool ending_ = false;
};

}  // namespace mocker
