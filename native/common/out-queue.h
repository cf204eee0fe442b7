// Bytes that wait for a non-blocking descriptor to take them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mocker {

class OutQueue {
 public:
  size_t size() const { return bytes_.size() - head_; }
  bool empty() const { return size() == 0; }
  void append(std::string_view bytes) { bytes_.append(bytes); }
  void clear();

  /**
   * Writes what `fd` takes, at most `maxWriteBytes` per call of write. False (errno set) when the other end
   * is gone. Sockets are written with MSG_NOSIGNAL; for pipes and terminals SIGPIPE must be blocked.
   */
  bool flush(int fd, size_t maxWriteBytes);

 private:
  std::string bytes_;
  size_t head_ = 0;
};

/**
 * As write(2) on a non-blocking descriptor: bytes taken, 0 when it would block, -1 when the other end is
 * gone.
 */
long writeSome(int fd, std::string_view bytes);

}  // namespace mocker
