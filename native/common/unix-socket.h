// Unix domain sockets: listening, accepting, descriptors in messages.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fd.h"

namespace mocker {

/**
 * Listens at `path` (mode 0600, non-blocking). It appears there ready to be connected to, replacing what was
 * there. Throws SysError.
 */
Fd listenUnix(const std::string& path);

/**
 * Connects to the listener at `path`, waiting for it to take connections for at most `timeoutMs`. The socket
 * blocks. Throws SysError; with EAGAIN: the time is over.
 */
Fd connectUnix(const std::string& path, int64_t timeoutMs);

/** The next waiting connection, non-blocking; empty when there is none (or no descriptor is left). */
Fd acceptUnix(int listener);

/** Whether `fd` is a unix stream socket. */
bool isUnixStream(int fd);

/** A connected pair of stream sockets, close-on-exec. Throws SysError. */
std::pair<Fd, Fd> socketPair();

void setNonBlocking(int fd);

/** Sends all of `bytes` and, with its first byte, the descriptor `passed`. `socket` may be non-blocking. */
bool sendWithFd(int socket, const std::string& bytes, int passed);

/** As read(2), collecting descriptors that came along (at most 8 per call; the kernel drops the rest). */
ssize_t receiveWithFds(int socket, char* buffer, size_t bytes, std::vector<Fd>& passed);

}  // namespace mocker
