#include "main-stream.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "scratch.h"

namespace mocker {

MainStream::MainStream(Loop& loop, Fd fd, std::string rest, Events events)
    : loop_(loop), fd_(std::move(fd)), rest_(std::move(rest)), events_(std::move(events)) {
  loop_.add(fd_.get(), EPOLLIN, [this](uint32_t happened) { onEvents(happened); });
}

MainStream::~MainStream() {
  if (fd_) loop_.remove(fd_.get());
}

void MainStream::begin() {
  const std::string rest = std::move(rest_);
  feed(rest);
}

void MainStream::send(std::string_view frames) {
  if (!fd_ || sinkGone_) return;
  out_.append(frames);
  // A guest that reads no more may still have something to say: that is found out by reading.
  sinkGone_ = !out_.flush(fd_.get(), scratchBytes);
  if (sinkGone_) out_.clear();
  update();
}

void MainStream::setReading(bool reading) {
  reading_ = reading;
  update();
}

void MainStream::onEvents(uint32_t events) {
  if (events & EPOLLOUT) {
    sinkGone_ = !out_.flush(fd_.get(), scratchBytes);
    if (sinkGone_) out_.clear();
    events_.drained();
  }
  if (fd_ && reading_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
    const ssize_t got = ::recv(fd_.get(), scratch, scratchBytes, MSG_DONTWAIT);
    if (got > 0) {
      feed(std::string_view(scratch, static_cast<size_t>(got)));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      close();
    }
  }
  update();
}

void MainStream::feed(std::string_view bytes) {
  struct {
    MainStream& self;
    bool onData(FrameType type, std::string_view piece) {
      if (type != FrameType::in && !piece.empty()) self.events_.output(type, piece);
      return self.isOpen();
    }
    bool onJson(std::string&& text) {
      if (const auto message = parseObject(text)) self.events_.message(*message);
      return self.isOpen();
    }
  } handler{*this};
  try {
    decoder_.feed(bytes, handler);
  } catch (const ProtocolError&) {
    close();
  }
}

void MainStream::close() {
  if (!fd_) return;
  loop_.remove(fd_.get());
  fd_.reset();
  events_.closed();
}

void MainStream::update() {
  if (fd_) loop_.modify(fd_.get(), (reading_ ? EPOLLIN : 0u) | (out_.empty() ? 0u : EPOLLOUT));
}

}  // namespace mocker
