#include "session.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace mocker {
namespace {

/**
 * libkrun 1.17.4 fails on larger guest writes (upstream's BufDescTooSmall); one frame, header included, fits
 * in one.
 */
constexpr size_t maxWriteBytes = 32768;

/**
 * What a grandchild may still add after the grace, so that one that writes without end cannot hold the exit
 * back.
 */
constexpr size_t maxBytesAfterGrace = 1 << 20;

constexpr int64_t lingerMs = 5000;

/** One for all sessions: it is used within a call only. */
char readBuffer[65536];

}  // namespace

Session::Session(Loop& loop, std::string id, Fd stream, Events events)
    : loop_(loop), id_(std::move(id)), stream_(std::move(stream)), events_(std::move(events)) {
  if (stream_) {
    loop_.add(stream_.get(), event::readable, [this](uint32_t happened) { onStream(happened); });
  }
}

Session::~Session() {
  loop_.cancel(timer_);
  if (stream_) loop_.remove(stream_.get());
  for (auto& source : sources_) {
    if (source.fd) loop_.remove(source.fd.get());
  }
  if (stdin_ && !terminal_) loop_.remove(stdin_.get());
}

void Session::start(Spawned process, bool forwardStdin) {
  pid_ = process.pid;
  phase_ = Phase::running;
  forwardStdin_ = forwardStdin;
  terminal_ = static_cast<bool>(process.terminal);
  if (terminal_) {
    sources_[0] = {std::move(process.terminal), FrameType::out};
  } else {
    sources_[0] = {std::move(process.out), FrameType::out};
    sources_[1] = {std::move(process.err), FrameType::err};
    stdin_ = std::move(process.in);
    if (stdin_) loop_.add(stdin_.get(), 0, [this](uint32_t) { flushStdin(); });
  }
  for (auto& source : sources_) {
    if (!source.fd) continue;
    loop_.add(source.fd.get(), event::readable, [this, &source](uint32_t happened) {
      if (happened & event::writable) flushStdin();
      if (!source.fd || !(happened & (event::readable | event::hungUp))) return;
      if (takesOutput()) return readSource(source);
      // Watched for its input only: a terminal that everybody has left takes none.
      if (happened & event::hungUp) stdinQueue_.clear();
      update();
    });
  }
  // Input that came before the process was there.
  flushStdin();
}

void Session::startFailed(const SpawnError& error) {
  exitCode_ = error.exitCode();
  failedToStart_ = true;
  finish({{"exit", {{"code", exitCode_}, {"reason", "start-failed"}, {"message", error.what()}}}});
}

void Session::exited(int status, int graceMs) {
  pid_ = -1;
  exitStatus_ = status;
  exitCode_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  phase_ = Phase::draining;
  closeStdin();
  timer_ = loop_.after(graceMs, [this] {
    graceOver_ = true;
    checkDrained();
  });
  checkDrained();
}

bool Session::resize(unsigned short rows, unsigned short cols) {
  if (!terminal_ || !sources_[0].fd) return false;
  winsize size{};
  size.ws_row = rows;
  size.ws_col = cols;
  return ::ioctl(sources_[0].fd.get(), TIOCSWINSZ, &size) == 0;
}

void Session::sendNext(const Json& message) {
  send(jsonFrame(message));
  update();
}

void Session::sendLast(const Json& message) {
  if (!stream_) return;
  out_.append(jsonFrame(message));
  for (int round = 0; round < 20 && out_.flush(stream_.get(), maxWriteBytes) && !out_.empty(); ++round) {
    pollfd wait{stream_.get(), POLLOUT, 0};
    ::poll(&wait, 1, 50);
  }
}

void Session::onStream(uint32_t events) {
  if (events & event::writable) {
    if (!out_.flush(stream_.get(), maxWriteBytes)) return loseStream();
  }
  if (events & (event::readable | event::hungUp)) {
    readStream();
  }
  if (stream_) checkDrained();
}

void Session::readStream() {
  const ssize_t got = ::recv(stream_.get(), readBuffer, sizeof readBuffer, MSG_DONTWAIT);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) loseStream();
    return;
  }
  if (got == 0) return loseStream();
  struct {
    Session& self;
    bool onHeader(FrameType type) {
      if (type != FrameType::json) self.spendInput(frameHeaderBytes);
      return true;
    }
    bool onData(FrameType type, std::string_view piece) {
      self.spendInput(piece.size());
      if (type == FrameType::in) self.takeStdin(piece);
      return true;
    }
    bool onJson(std::string&& text) {
      self.onMessage(text);
      return true;
    }
  } handler{*this};
  try {
    decoder_.feed(std::string_view(readBuffer, static_cast<size_t>(got)), handler);
  } catch (const ProtocolError&) {
    return loseStream();
  }
  flushStdin();
}

/** Throws ProtocolError when the monitor overruns its credit, which ends the stream. */
void Session::spendInput(size_t bytes) {
  if (!received_.spend(bytes)) throw ProtocolError("input beyond its credit");
}

void Session::onMessage(const std::string& text) {
  const auto message = parseObject(text);
  if (!message) return;
  if (stringOr(*message, "ack", "") == "exit" && events_.acknowledged) events_.acknowledged();
  if (message->contains("credit") && !sendable_.grant(integerOr(*message, "credit", -1))) {
    throw ProtocolError("credit for what was not sent");
  }
}

/** The monitor learns what has been taken of its input, or is for nobody. */
void Session::grantInput() {
  if (!stream_ || phase_ == Phase::closing || phase_ == Phase::done) return;
  const size_t bytes = received_.grant(stdinQueue_.size());
  if (bytes > 0) send(jsonFrame({{"credit", bytes}}));
}

void Session::takeStdin(std::string_view bytes) {
  // Before the start it is not known yet whether the process takes input.
  if ((stdinEof_ || !forwardStdin_) && phase_ != Phase::starting) return;
  if (bytes.empty()) {
    stdinEof_ = true;
  } else {
    stdinQueue_.append(bytes);
  }
}

void Session::flushStdin() {
  if (phase_ == Phase::starting) return update();
  const int fd = terminal_ ? sources_[0].fd.get() : stdin_.get();
  if (fd < 0 || !forwardStdin_) {
    stdinQueue_.clear();
    return update();
  }
  if (!stdinQueue_.flush(fd, maxWriteBytes)) {
    // The process closed its input; whatever else comes is for nobody.
    stdinQueue_.clear();
    if (!terminal_) closeStdin();
  }
  if (stdinEof_ && stdinQueue_.empty()) {
    if (terminal_) {
      // A terminal has no end; its user types ^D.
      stdinEof_ = false;
      termios settings{};
      const char eof = ::tcgetattr(fd, &settings) == 0 ? static_cast<char>(settings.c_cc[VEOF]) : '\x04';
      stdinQueue_.append(std::string_view(&eof, 1));
      stdinQueue_.flush(fd, maxWriteBytes);
    } else {
      closeStdin();
    }
  }
  update();
}

void Session::closeStdin() {
  stdinQueue_.clear();
  if (!stdin_) return;
  loop_.remove(stdin_.get());
  stdin_.reset();
}

bool Session::takesOutput() const {
  return out_.empty() && (!stream_ || sendable_.left() > frameHeaderBytes);
}

void Session::readSource(Source& source) {
  size_t filled = frameHeaderBytes;
  bool ended = false;
  bool empty = false;
  const size_t most = stream_ ? std::min(maxWriteBytes, sendable_.left()) : maxWriteBytes;
  // A terminal gives at most 4 KiB at a time: gather a frame's worth.
  while (filled < most) {
    const ssize_t got = ::read(source.fd.get(), readBuffer + filled, most - filled);
    if (got > 0) {
      filled += static_cast<size_t>(got);
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    // EIO: the last holder of the terminal's other side is gone.
    ended = got == 0 || errno != EAGAIN;
    empty = !ended;
    break;
  }
  const size_t payload = filled - frameHeaderBytes;
  if (payload > 0) {
    putFrameHeader(readBuffer, source.type, static_cast<uint32_t>(payload));
    if (graceOver_) bytesAfterGrace_ += payload;
    if (stream_) sendable_.spend(filled);
    send(std::string_view(readBuffer, filled));
  }
  if (ended || (graceOver_ && (empty || bytesAfterGrace_ > maxBytesAfterGrace))) closeSource(source);
  checkDrained();
}

void Session::closeSource(Source& source) {
  loop_.remove(source.fd.get());
  source.fd.reset();
}

void Session::send(std::string_view bytes) {
  if (!stream_) return;
  if (out_.empty()) {
    const long put = writeSome(stream_.get(), bytes);
    if (put < 0) return loseStream();
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  if (!bytes.empty()) out_.append(bytes);
}

void Session::loseStream() {
  if (stream_) {
    loop_.remove(stream_.get());
    stream_.reset();
  }
  out_.clear();
  if (phase_ == Phase::closing) phase_ = Phase::done;
  // As when a terminal is unplugged: the process goes on, with the input that has come and no more, and with
  // its output going nowhere.
  if (!terminal_) stdinEof_ = true;
  flushStdin();
}

void Session::checkDrained() {
  if (phase_ == Phase::draining && out_.empty()) {
    if (graceOver_) {
      for (auto& source : sources_) {
        pollfd readable{source.fd.get(), POLLIN, 0};
        if (source.fd && (::poll(&readable, 1, 0) == 0 || bytesAfterGrace_ > maxBytesAfterGrace)) closeSource(source);
      }
    }
    if (!sources_[0].fd && !sources_[1].fd) {
      Json exit{{"code", exitCode_}};
      if (WIFSIGNALED(exitStatus_)) exit["signal"] = WTERMSIG(exitStatus_);
      return finish({{"exit", exit}});
    }
  }
  update();
}

void Session::finish(const Json& exit) {
  loop_.cancel(timer_);
  phase_ = Phase::closing;
  send(jsonFrame(exit));
  // A peer that listens gets the frame before we close: a vsock that is closed early may lose what is in
  // flight.
  timer_ = loop_.after(lingerMs, [this] {
    loseStream();
    phase_ = Phase::done;
  });
  if (!stream_) phase_ = Phase::done;
  update();
  if (events_.ended) events_.ended();
}

void Session::update() {
  grantInput();
  if (stream_) {
    loop_.modify(stream_.get(), event::readable | (out_.empty() ? 0u : event::writable));
    if (phase_ == Phase::closing && out_.empty() && !shutDown_) {
      shutDown_ = true;
      // The main stream stays open for the acknowledgement and the halt.
      if (!events_.acknowledged) ::shutdown(stream_.get(), SHUT_WR);
    }
  }
  for (auto& source : sources_) {
    if (!source.fd) continue;
    const bool input = terminal_ && !stdinQueue_.empty();
    loop_.modify(source.fd.get(), (takesOutput() ? event::readable : 0u) | (input ? event::writable : 0u));
  }
  if (stdin_) loop_.modify(stdin_.get(), stdinQueue_.empty() ? 0u : event::writable);
}

}  // namespace mocker
