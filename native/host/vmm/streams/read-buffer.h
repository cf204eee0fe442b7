// The one read buffer of the monitor: it is single-threaded, and a buffer for each connection would cost
// memory.
#pragma once

#include <cstddef>

namespace mocker {

constexpr size_t readBufferBytes = 65536;

/** Contents last until the next read of any connection. */
inline char readBuffer[readBufferBytes];

}  // namespace mocker
