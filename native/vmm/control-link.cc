#include "control-link.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "../common/unix-socket.h"
#include "scratch.h"

namespace mocker {

ControlLink::ControlLink(Loop& loop, Fd fd, std::string rest, Events events)
    : loop_(loop), fd_(std::move(fd)), rest_(std::move(rest)), events_(std::move(events)) {
  loop_.add(fd_.get(), EPOLLIN, [this](uint32_t happened) { onEvents(happened); });
}

ControlLink::~ControlLink() {
  if (fd_) loop_.remove(fd_.get());
}

void ControlLink::begin() {
  const std::string rest = std::move(rest_);
  feed(rest);
}

void ControlLink::send(std::string_view jsonText) {
  if (!fd_) return;
  char header[frameHeaderBytes];
  putFrameHeader(header, FrameType::json, static_cast<uint32_t>(jsonText.size()));
  out_.append(std::string_view(header, sizeof header));
  out_.append(jsonText);
  // A broken connection shows up as an event, too, and is handled there.
  out_.flush(fd_.get(), scratchBytes);
  update();
}

void ControlLink::setReading(bool reading) {
  reading_ = reading;
  update();
}

void ControlLink::onEvents(uint32_t events) {
  if (events & EPOLLOUT) {
    if (!out_.flush(fd_.get(), scratchBytes)) return close();
    if (events_.drained) events_.drained();
  }
  if (fd_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) read();
  update();
}

void ControlLink::read() {
  ssize_t got;
  if (events_.descriptor) {
    std::vector<Fd> passed;
    got = receiveWithFds(fd_.get(), scratch, scratchBytes, passed);
    for (auto& fd : passed) events_.descriptor(std::move(fd));
  } else {
    got = ::recv(fd_.get(), scratch, scratchBytes, MSG_DONTWAIT);
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return close();
  feed(std::string_view(scratch, static_cast<size_t>(got)));
}

void ControlLink::feed(std::string_view bytes) {
  struct {
    ControlLink& self;
    bool onData(FrameType, std::string_view) { return true; }
    bool onJson(std::string&& text) {
      self.events_.message(std::move(text));
      return self.isOpen();
    }
  } handler{*this};
  try {
    decoder_.feed(bytes, handler);
  } catch (const ProtocolError&) {
    close();
  }
}

void ControlLink::close() {
  if (!fd_) return;
  loop_.remove(fd_.get());
  fd_.reset();
  events_.closed();
}

void ControlLink::update() {
  if (fd_) loop_.modify(fd_.get(), (reading_ ? EPOLLIN : 0u) | (out_.empty() ? 0u : EPOLLOUT));
}

}  // namespace mocker
