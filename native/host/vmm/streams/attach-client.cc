#include "attach-client.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

#include "read-buffer.h"

namespace mocker {

AttachClient::AttachClient(Loop& loop, Fd fd, bool takesInput, Events events)
    : loop_(loop), fd_(std::move(fd)), takesInput_(takesInput), events_(std::move(events)) {
  loop_.add(fd_.get(), event::readable, [this](uint32_t happened) { onEvents(happened); });
}

AttachClient::~AttachClient() {
  if (fd_) loop_.remove(fd_.get());
}

void AttachClient::output(FrameType stream, std::string_view bytes) {
  if (!fd_) return;
  char header[frameHeaderBytes];
  putFrameHeader(header, stream, static_cast<uint32_t>(bytes.size()));
  std::string_view head(header, sizeof header);
  if (out_.empty()) {
    // Straight to the socket: copied only is what it does not take.
    iovec parts[2] = {{header, sizeof header}, {const_cast<char*>(bytes.data()), bytes.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t put = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    size_t sent = put > 0 ? static_cast<size_t>(put) : 0;
    const size_t ofHead = std::min(sent, head.size());
    head.remove_prefix(ofHead);
    bytes.remove_prefix(sent - ofHead);
  }
  out_.append(head);
  out_.append(bytes);
  update();
}

void AttachClient::raw(std::string_view frames) {
  out_.append(frames);
  update();
}

void AttachClient::end(const Json& exit) {
  if (!fd_ || ending_) return;
  out_.append(jsonFrame(exit));
  ending_ = true;
  flush();
}

void AttachClient::setReadingInput(bool reading) {
  readingInput_ = reading;
  update();
}

void AttachClient::onEvents(uint32_t events) {
  if (events & event::writable) flush();
  if (fd_ && (events & event::readable)) {
    const ssize_t got = ::recv(fd_.get(), readBuffer, readBufferBytes, MSG_DONTWAIT);
    if (got > 0) {
      feed(std::string_view(readBuffer, static_cast<size_t>(got)));
    } else if (got == 0) {
      inputEnded_ = true;  // half-closed; it may still listen
    } else if (errno != EAGAIN && errno != EINTR) {
      close();
    }
  }
  if (fd_ && (events & (event::hungUp))) close();
  update();
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
  if (!out_.flush(fd_.get(), 1 << 20)) return close();
  if (ending_ && out_.empty()) return close();
  events_.drained();
  update();
}

void AttachClient::close() {
  if (!fd_) return;
  loop_.remove(fd_.get());
  fd_.reset();
  out_.clear();
  events_.closed();
}

void AttachClient::update() {
  if (!fd_) return;
  const bool reading = !inputEnded_ && (readingInput_ || !takesInput_);
  // event::hungUp is watched for in any case, so that a vanished client holds nothing back.
  loop_.modify(fd_.get(), event::hungUp | (reading ? event::readable : 0u) | (out_.empty() ? 0u : event::writable));
}

}  // namespace mocker
