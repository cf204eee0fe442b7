// The stream of an exec: the guest's end and, once it has come, the client's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "attach-client.h"
#include "common/loop.h"
#include "guest-stream.h"

namespace mocker {

/**
 * The guest has credit for as much output as its client has taken, or none of it before there is a client.
 */
class ExecStream {
 public:
  /** `rest` was read from the guest's end already. `done`: may be destroyed, but not within the call. */
  ExecStream(Loop& loop, Fd guest, std::string rest, std::function<void()> done);
  ExecStream(const ExecStream&) = delete;
  ExecStream& operator=(const ExecStream&) = delete;

  void begin() { guest_.begin(); }
  /** Gives it its client; `rest` was read from that already. */
  void join(Fd client, std::string_view rest);
  /** Everything has been passed on, or the client is gone. */
  bool isDone() const { return client_ && !client_->isOpen() && !guest_.isOpen(); }
  /** Of output that the client has yet to take. */
  size_t queuedBytes() const { return client_ ? client_->queuedBytes() : early_.size(); }

 private:
  void output(FrameType stream, std::string_view bytes);
  void outputEnd();
  void message(const Json& message);
  void guestClosed();
  void clientClosed();
  void update();

  Loop& loop_;
  std::function<void()> done_;
  GuestStream guest_;
  std::unique_ptr<AttachClient> client_;
  /** Frames that came before the client. */
  std::string early_;
  bool exited_ = false;
};

}  // namespace mocker
