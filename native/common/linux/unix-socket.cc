#include "common/unix-socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "common/sys-error.h"

namespace mocker {

namespace {

/** A socket's address for `path`; one that is too long for it goes through its directory's descriptor. */
class UnixAddress {
 public:
  explicit UnixAddress(const std::string& path) {
    std::string name = path;
    if (name.size() >= sizeof address_.sun_path) {
      const size_t slash = path.rfind('/');
      const std::string directory = slash == 0 ? "/" : path.substr(0, slash);
      directory_.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!directory_) throwErrno(directory);
      name = "/proc/self/fd/" + std::to_string(directory_.get()) + path.substr(slash);
      if (name.size() >= sizeof address_.sun_path) throwErrno(path, ENAMETOOLONG);
    }
    address_.sun_family = AF_UNIX;
    std::memcpy(address_.sun_path, name.c_str(), name.size() + 1);
  }

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t size() const { return sizeof address_; }

 private:
  sockaddr_un address_{};
  Fd directory_;
};

/** How long a call may wait to write; 0: as long as it takes. */
void setSendTimeout(int fd, int64_t ms) {
  const timeval time{static_cast<time_t>(ms / 1000), static_cast<suseconds_t>(ms % 1000 * 1000)};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

}  // namespace

Fd listenUnix(const std::string& path) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throwErrno("socket");
  // Bound beside its place and moved there when it listens: all who see the path can connect.
  const std::string temporary = path + "~";
  const UnixAddress address(temporary);
  if (::unlink(temporary.c_str()) != 0 && errno != ENOENT) throwErrno(path);
  const mode_t mask = ::umask(0177);
  const int bound = ::bind(socket.get(), address.get(), address.size());
  const int error = errno;
  ::umask(mask);
  if (bound != 0) throwErrno(path, error);
  if (::listen(socket.get(), 128) != 0) throwErrno(path);
  if (::rename(temporary.c_str(), path.c_str()) != 0) throwErrno(path);
  return socket;
}

Fd connectUnix(const std::string& path, int64_t timeoutMs) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) throwErrno("socket");
  const UnixAddress address(path);
  // A listener whose queue is full makes the call wait, as for writing (unix(7), socket(7)).
  setSendTimeout(socket.get(), timeoutMs);
  if (::connect(socket.get(), address.get(), address.size()) != 0) throwErrno(path);
  setSendTimeout(socket.get(), 0);
  return socket;
}

Fd acceptUnix(int listener) {
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    return Fd(fd);
  }
}

bool isUnixStream(int fd) {
  int domain = 0, type = 0;
  socklen_t size = sizeof(int);
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
         ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

std::pair<Fd, Fd> socketPair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throwErrno("socketpair");
  return {Fd(ends[0]), Fd(ends[1])};
}

void setNonBlocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

bool sendWithFd(int socket, const std::string& bytes, int passed) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    iovec data{const_cast<char*>(bytes.data()) + sent, bytes.size() - sent};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (sent == 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(header), &passed, sizeof(int));
    }
    const ssize_t put = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    if (put < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return false;
      pollfd wait{socket, POLLOUT, 0};
      if (::poll(&wait, 1, 5000) == 0) return false;
      continue;
    }
    sent += static_cast<size_t>(put);
  }
  return true;
}

ssize_t receiveWithFds(int socket, char* buffer, size_t bytes, std::vector<Fd>& passed) {
  iovec data{buffer, bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (got < 0) return got;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      passed.emplace_back(fd);
    }
  }
  return got;
}

}  // namespace mocker
