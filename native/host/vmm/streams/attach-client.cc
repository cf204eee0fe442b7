#include "attach-client.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "common/clock.h"
#include "read-buffer.h"

namespace mocker {
namespace {

/** How long a client to which everything was sent may take to close its end. */
constexpr int64_t lingerMs = 1000;

}  // namespace

AttachClient::AttachClient(Loop& loop, Fd fd, bool takesInput, Events events)
    : loop_(loop), fd_(std::move(fd)), takesInput_(takesInput), events_(std::move(events)) {
  loop_.add(fd_.get(), event::readable, [this](uint32_t happened) { onEvents(happened); });
}

AttachClient::~AttachClient() {
  loop_.cancel(timer_);
  if (fd_) loop_.remove(fd_.get());
}

void AttachClient::output(FrameType stream, std::string_view bytes) {
  if (!fd_ || ending_) return;
  char header[frameHeaderBytes];
  putFrameHeader(header, stream, static_cast<uint32_t>(bytes.size()));
  queue(std::string_view(header, sizeof header));
  queue(bytes);
}

void AttachClient::sendOutput() {
  if (fd_ && !out_.empty()) flush();
}

void AttachClient::raw(std::string_view frames) {
  if (!fd_ || ending_) return;
  queue(frames);
  update();
}

void AttachClient::end(const Json& last) {
  raw(jsonFrame(last));
  end();
}

void AttachClient::end() {
  if (!fd_ || ending_) return;
  ending_ = true;
  flush();
}

int64_t AttachClient::stuckMs() const {
  return out_.empty() ? 0 : monotonicMs() - takenMs_;
}

void AttachClient::queue(std::string_view bytes) {
  if (out_.empty()) takenMs_ = monotonicMs();
  out_.append(bytes);
}

void AttachClient::setReadingInput(bool reading) {
  readingInput_ = reading;
  update();
}

void AttachClient::onEvents(uint32_t events) {
  if (events & event::writable) flush();
  if (fd_ && (events & event::readable)) read();
  if (fd_ && (events & event::hungUp)) {
    // What it has sent before it went is still input.
    while (takesInput_ && !inputEnded_ && read()) {
    }
    close();
  }
  update();
}

bool AttachClient::read() {
  if (!fd_) return false;
  const ssize_t got = ::recv(fd_.get(), readBuffer, readBufferBytes, MSG_DONTWAIT);
  if (got > 0) {
    if (sent_) return true;
    feed(std::string_view(readBuffer, static_cast<size_t>(got)));
    return true;
  }
  if (got < 0 && errno == EINTR) return true;
  if (got == 0) {
    inputEnded_ = true;  // half-closed; it may still listen
    if (sent_) close();
  } else if (errno != EAGAIN) {
    close();
  }
  return false;
}

void AttachClient::feed(std::string_view bytes) {
  struct {
    AttachClient& self;
    bool onData(FrameType type, std::string_view piece) {
      if (type == FrameType::in && self.takesInput_) self.events_.input(piece);
      return true;
    }
    bool onJson(std::string&&) { return true; }
  } handler{*this};
  try {
    decoder_.feed(bytes, handler);
  } catch (const ProtocolError&) {
    close();
  }
}

void AttachClient::flush() {
  const size_t before = out_.size();
  if (!out_.flush(fd_.get(), 1 << 20)) return close();
  if (out_.size() < before) takenMs_ = monotonicMs();
  if (ending_ && out_.empty()) return linger();
  events_.drained();
  update();
}

/** A client that still writes when we close would get an error, and might read no more of what was sent. */
void AttachClient::linger() {
  if (!takesInput_ || inputEnded_) return close();
  if (std::exchange(sent_, true)) return;
  ::shutdown(fd_.get(), SHUT_WR);
  timer_ = loop_.after(lingerMs, [this] { close(); });
  update();
}

void AttachClient::close() {
  if (!fd_) return;
  loop_.cancel(timer_);
  loop_.remove(fd_.get());
  fd_.reset();
  out_.clear();
  events_.closed();
}

void AttachClient::update() {
  if (!fd_) return;
  const bool reading = !inputEnded_ && (sent_ || readingInput_ || !takesInput_);
  // event::hungUp is watched for in any case, so that a vanished client holds nothing back.
  loop_.modify(fd_.get(), event::hungUp | (reading ? event::readable : 0u) | (out_.empty() ? 0u : event::writable));
}

}  // namespace mocker
