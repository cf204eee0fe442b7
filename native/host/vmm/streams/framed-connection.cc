#include "framed-connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "common/unix-socket.h"
#include "read-buffer.h"

namespace mocker {

FramedConnection::FramedConnection(Loop& loop, Fd fd, std::string rest, size_t maxJsonBytes, Events events)
    : loop_(loop), fd_(std::move(fd)), rest_(std::move(rest)), events_(std::move(events)), decoder_(maxJsonBytes) {
  loop_.add(fd_.get(), event::readable, [this](uint32_t happened) { onEvents(happened); });
}

FramedConnection::~FramedConnection() {
  if (fd_) loop_.remove(fd_.get());
}

void FramedConnection::begin() {
  const std::string rest = std::move(rest_);
  feed(rest);
}

void FramedConnection::send(FrameType type, std::string_view payload) {
  if (!fd_ || sinkGone_) return;
  char header[frameHeaderBytes];
  putFrameHeader(header, type, static_cast<uint32_t>(payload.size()));
  out_.append(std::string_view(header, sizeof header));
  sendFrames(payload);
}

void FramedConnection::sendFrames(std::string_view frames) {
  if (!fd_ || sinkGone_) return;
  out_.append(frames);
  flush();
  update();
}

void FramedConnection::setReading(bool reading) {
  reading_ = reading;
  update();
}

void FramedConnection::onEvents(uint32_t events) {
  if (events & event::writable) {
    flush();
    events_.drained();
  }
  if (fd_ && reading_ && (events & (event::readable | event::hungUp))) read();
  update();
}

void FramedConnection::read() {
  ssize_t got;
  if (events_.descriptor) {
    std::vector<Fd> passed;
    got = receiveWithFds(fd_.get(), readBuffer, readBufferBytes, passed);
    for (auto& fd : passed) events_.descriptor(std::move(fd));
  } else {
    got = ::recv(fd_.get(), readBuffer, readBufferBytes, MSG_DONTWAIT);
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return close();
  feed(std::string_view(readBuffer, static_cast<size_t>(got)));
}

void FramedConnection::feed(std::string_view bytes) {
  struct {
    FramedConnection& self;
    bool onHeader(FrameType type) {
      if (self.events_.header) self.events_.header(type);
      return self.isOpen();
    }
    bool onData(FrameType type, std::string_view piece) {
      if (self.events_.data) self.events_.data(type, piece);
      return self.isOpen();
    }
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
  if (fd_ && events_.fed) events_.fed();
}

void FramedConnection::flush() {
  if (out_.flush(fd_.get(), readBufferBytes)) return;
  // A peer that reads no more may still have something to say: that is found out by reading.
  sinkGone_ = true;
  out_.clear();
}

void FramedConnection::close() {
  if (!fd_) return;
  loop_.remove(fd_.get());
  fd_.reset();
  events_.closed();
}

void FramedConnection::update() {
  if (fd_) loop_.modify(fd_.get(), (reading_ ? event::readable : 0u) | (out_.empty() ? 0u : event::writable));
}

}  // namespace mocker
