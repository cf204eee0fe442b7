#include "out-queue.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace mocker {

long writeSome(int fd, std::string_view bytes) {
  for (;;) {
    ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno == ENOTSOCK) put = ::write(fd, bytes.data(), bytes.size());
    if (put >= 0) return put;
    if (errno == EINTR) continue;
    return errno == EAGAIN ? 0 : -1;
  }
}

void OutQueue::clear() {
  head_ = 0;
  // Give the memory back: a queue is nearly always empty.
  std::string().swap(bytes_);
}

bool OutQueue::flush(int fd, size_t maxWriteBytes) {
  while (!empty()) {
    const auto next = std::string_view(bytes_).substr(head_, maxWriteBytes);
    const long put = writeSome(fd, next);
    if (put < 0) return false;
    if (put == 0) break;
    head_ += static_cast<size_t>(put);
  }
  if (empty()) {
    if (bytes_.capacity() > 65536) {
      clear();
    } else {
      bytes_.clear();
      head_ = 0;
    }
  } else if (head_ > 65536 && head_ > bytes_.size() / 2) {
    bytes_.erase(0, head_);
    head_ = 0;
  }
  return true;
}

}  // namespace mocker
