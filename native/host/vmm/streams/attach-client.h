// A client on a process's stream, main or exec: output live, input forwarded.
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
    /** Input for the process; empty: its end. */
    std::function<void(std::string_view bytes)> input;
    /** Queued bytes have been taken. */
    std::function<void()> drained;
    /**
     * The client is gone, or everything including the end has been sent; may be destroyed, but not within the
     * call.
     */
    std::function<void()> closed;
  };

  AttachClient(Loop& loop, Fd fd, bool takesInput, Events events);
  ~AttachClient();
  AttachClient(const AttachClient&) = delete;
  AttachClient& operator=(const AttachClient&) = delete;

  /** Feeds what came after the hello. */
  void begin(std::string_view rest) { feed(rest); }
  /** Output, framed here; sent with the next call of sendOutput or end. */
  void output(FrameType stream, std::string_view bytes);
  void sendOutput();
  void raw(std::string_view frames);
  /** Sends a last frame and closes when everything is sent; what is put out after it is for others. */
  void end(const Json& last);
  /** Closes when everything is sent. */
  void end();
  void setReadingInput(bool reading);
  size_t queuedBytes() const { return out_.size(); }
  /** For how long nothing has been taken of what is queued. */
  int64_t stuckMs() const;
  /** Whether it has been ended, though not everything may have been sent. */
  bool isEnding() const { return ending_; }
  bool isOpen() const { return static_cast<bool>(fd_); }
  void close();

 private:
  void onEvents(uint32_t events);
  /** False when there is nothing to be read now. */
  bool read();
  void feed(std::string_view bytes);
  void queue(std::string_view bytes);
  void flush();
  void linger();
  void update();

  Loop& loop_;
  Fd fd_;
  bool takesInput_;
  Events events_;
  FrameDecoder decoder_{4096};
  OutQueue out_;
  int64_t takenMs_ = 0;
  bool readingInput_ = true;
  bool inputEnded_ = false;
  bool ending_ = false;
  /** Everything has been sent, the end last. */
  bool sent_ = false;
  Loop::Timer timer_ = 0;
};

}  // namespace mocker
