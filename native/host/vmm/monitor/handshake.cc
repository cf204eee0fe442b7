#include "handshake.h"

#include <sys/socket.h>

#include <cerrno>

namespace mocker {
namespace {

constexpr size_t maxHelloBytes = 4096;

}  // namespace

Handshake::Handshake(Loop& loop, Fd fd, Done done, int64_t timeoutMs)
    : loop_(loop), fd_(std::move(fd)), done_(std::move(done)), decoder_(maxHelloBytes) {
  loop_.add(fd_.get(), event::readable, [this](uint32_t) { read(); });
  timer_ = loop_.after(timeoutMs, [this] { drop(); });
}

Handshake::~Handshake() {
  loop_.cancel(timer_);
  if (fd_) loop_.remove(fd_.get());
}

void Handshake::read() {
  char bytes[4096];
  const ssize_t got = ::recv(fd_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return drop();
  struct {
    Json hello;
    bool wrong = false;
    bool onData(FrameType, std::string_view) {
      wrong = true;
      return false;
    }
    bool onJson(std::string&& text) {
      const auto message = parseObject(text);
      const Json* inner = message ? objectOrNull(*message, "hello") : nullptr;
      wrong = !inner;
      if (inner) hello = *inner;
      return false;
    }
  } handler;
  size_t used = 0;
  try {
    used = decoder_.feed(std::string_view(bytes, static_cast<size_t>(got)), handler);
  } catch (const ProtocolError&) {
    return drop();
  }
  if (handler.wrong) return drop();
  if (handler.hello.is_object()) give(handler.hello, std::string(bytes + used, static_cast<size_t>(got) - used));
}

void Handshake::give(const Json& hello, std::string rest) {
  finish();
  // Moved out: the callback may let go of this object.
  const Done done = std::move(done_);
  Fd fd = std::move(fd_);
  done(*this, std::move(fd), hello, std::move(rest));
}

void Handshake::drop() {
  finish();
  fd_.reset();
  const Done done = std::move(done_);
  done(*this, Fd(), Json(), std::string());
}

/** The object may live on until the loop's round is over, in which its timer may be due as well. */
void Handshake::finish() {
  loop_.cancel(timer_);
  loop_.remove(fd_.get());
}

}  // namespace mocker
