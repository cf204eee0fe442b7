#include "splice.h"

#include <sys/socket.h>

#include <cerrno>

#include "read-buffer.h"

namespace mocker {

Splice::Splice(Loop& loop, Fd left, std::string leftRest, Fd right, std::string rightRest, std::function<void()> done)
    : loop_(loop), done_(std::move(done)) {
  ends_[0].fd = std::move(left);
  ends_[1].fd = std::move(right);
  ends_[0].out.append(rightRest);
  ends_[1].out.append(leftRest);
  for (int i = 0; i < 2; ++i) {
    loop_.add(ends_[i].fd.get(), event::readable, [this, i](uint32_t events) { onEvents(i, events); });
  }
}

Splice::~Splice() {
  for (auto& end : ends_) {
    if (end.fd) loop_.remove(end.fd.get());
  }
}

void Splice::begin() {
  settle();
}

void Splice::onEvents(int index, uint32_t events) {
  End& end = ends_[index];
  if (!end.readEnded && (events & (event::readable | event::hungUp))) readFrom(index);
  // Both ways of this connection are shut: what is queued for it is for nobody.
  if ((events & (event::hungUp)) && end.readEnded) {
    end.writeEnded = true;
    end.out.clear();
  }
  settle();
}

void Splice::readFrom(int index) {
  End& from = ends_[index];
  End& to = ends_[1 - index];
  const ssize_t got = ::recv(from.fd.get(), readBuffer, readBufferBytes, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    from.readEnded = true;
    if (got < 0) from.writeEnded = true;
    return;
  }
  if (to.writeEnded) return;
  to.out.append(std::string_view(readBuffer, static_cast<size_t>(got)));
}

void Splice::settle() {
  for (int i = 0; i < 2; ++i) {
    End& to = ends_[i];
    End& from = ends_[1 - i];
    if (to.writeEnded) continue;
    if (!to.out.flush(to.fd.get(), readBufferBytes)) {
      to.writeEnded = true;
      to.out.clear();
    } else if (to.out.empty() && from.readEnded) {
      ::shutdown(to.fd.get(), SHUT_WR);
      to.writeEnded = true;
    }
  }
  // A direction is over when its source has ended and been passed on, or its sink is gone.
  const bool over = ends_[0].writeEnded && ends_[1].writeEnded;
  if (over) {
    for (auto& end : ends_) {
      loop_.remove(end.fd.get());
      end.fd.reset();
    }
    done_();
    return;
  }
  for (int i = 0; i < 2; ++i) {
    End& end = ends_[i];
    End& other = ends_[1 - i];
    const bool reading = !end.readEnded && !other.writeEnded && other.out.empty();
    // A hang-up is worth waking up for once.
    const bool finished = end.readEnded && end.writeEnded;
    loop_.modify(end.fd.get(), finished ? 0u : event::hungUp | (reading ? event::readable : 0u) | (end.out.empty() ? 0u : event::writable));
  }
}

}  // namespace mocker
